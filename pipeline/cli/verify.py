"""``verify``: check products that are there already, without running them."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pipeline.cli.settings import ResultError, common_options, open_session
from pipeline.cli.verdict import verification_error
from pipeline.errors import UsageError
from pipeline.model.findings import Finding
from pipeline.model.target import Target, find_target
from pipeline.report.summary import findings_json, verdict_text
from pipeline.stages import verify as stage

_TARGET_IN_NAME = re.compile(r"-linux-([a-z0-9]+)(\.zip)?$")


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE...")
@click.option("-t", "--target", metavar="NAME", help="Target of the files (default: what their names say).")
@click.option("--glibc", metavar="VERSION", help="Newest glibc that they may need, such as 2.36.")
@common_options
def verify(files: tuple[Path, ...], target: str | None, glibc: str | None) -> None:
    """Check zips (or directories) that were built before; nothing in them is run."""
    with open_session() as session:
        checked: dict[str, tuple[Finding, ...]] = {}
        for path in files:
            inputs = stage.VerifyInputs(product=path.absolute(), target=_target(path, target), glibc_floor=glibc)
            checked[str(path)] = stage.run(inputs, session.context)
            session.reporter.show([f"{path}:", verdict_text(checked[str(path)])])
        result: dict[str, object] = {
            "schema": 1, "files": [{"path": path} | findings_json(found) for path, found in checked.items()],
        }  # fmt: skip
        error = verification_error(tuple(finding for found in checked.values() for finding in found))
        if error is not None:
            raise ResultError(error, result)
        session.result(result)


def _target(path: Path, name: str | None) -> Target:
    if name is None:
        match = _TARGET_IN_NAME.search(path.name)
        if not match:
            raise UsageError(
                f"for which target is {path.name}?",
                cause="its name does not end with -linux-<target>.zip",
                action="add --target NAME",
            )
        name = match[1]
    return find_target(name)
