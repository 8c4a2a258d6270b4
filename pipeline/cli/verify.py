"""``verify``: check products that are there already, without running them."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import fs, record
from pipeline.cli.settings import ResultError, common_options, open_session
from pipeline.cli.verdict import verification_error
from pipeline.errors import ArchiveError, UsageError
from pipeline.model.asset import ZIP_SUFFIX, target_in_name
from pipeline.model.findings import Finding
from pipeline.model.record import RECORD_SUFFIX, Subject
from pipeline.model.target import Target, find_target
from pipeline.report.summary import findings_json, verdict_text
from pipeline.stages import verify as stage


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE...")
@click.option("-t", "--target", metavar="NAME", help="Target of the files (default: what their names say).")
@click.option("--glibc", metavar="VERSION", help="Newest glibc that they may need, such as 2.36.")
@click.option("--assume-library", metavar="NAME", help="Library that users have; repeatable.", multiple=True)
@common_options
def verify(files: tuple[Path, ...], target: str | None, glibc: str | None, assume_library: tuple[str, ...]) -> None:
    """Check zips (or directories) that were built before; nothing in them is run.

    Where a zip's build record lies beside it, the record says for which target it is, and which libraries its users
    are known to have.
    """
    with open_session() as session:
        checked: dict[str, tuple[Finding, ...]] = {}
        for path in files:
            subject = _subject(path)
            inputs = stage.VerifyInputs(
                product=path.absolute(),
                target=_target(path, target, subject),
                glibc_floor=glibc,
                assumed_libraries=frozenset((*assume_library, *(subject.assumed_libraries if subject else ()))),
            )
            checked[str(path)] = stage.run(inputs, session.context)
            session.reporter.show([f"{path}:", verdict_text(checked[str(path)])])
        result: dict[str, object] = {
            "schema": 1, "files": [{"path": path} | findings_json(found) for path, found in checked.items()],
        }  # fmt: skip
        error = verification_error(tuple(finding for found in checked.values() for finding in found))
        if error is not None:
            raise ResultError(error, result)
        session.result(result)


def _subject(path: Path) -> Subject | None:
    """Return what the build record beside a zip says, None without one, or with one of another zip."""
    try:
        subject = record.read(path.with_name(path.name.removesuffix(ZIP_SUFFIX) + RECORD_SUFFIX)).subject
    except (OSError, ArchiveError):
        return None
    is_this_zip = path.is_file() and fs.sha256_file(path) == subject.zip_sha256
    return subject if is_this_zip else None


def _target(path: Path, name: str | None, subject: Subject | None) -> Target:
    if name or subject:
        return find_target(name or (subject.target if subject else ""))
    target = target_in_name(path.name)
    if target is None:
        raise UsageError(
            f"for which target is {path.name}?",
            cause="its name has none of a target's names in it, or those of several, and no build record is beside it",
            action="add --target NAME",
        )
    return target
