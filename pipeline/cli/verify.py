"""``verify``: check products that are there already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from pipeline.cli.examined import ExamineOptions, examined, listed
from pipeline.cli.proof_options import (
    ProofOptions,
    build_request,
    proof_options,
    record_order,
    record_path,
    recorded_subject,
)
from pipeline.cli.settings import ResultError, Session, common_options, open_session
from pipeline.cli.verdict import self_test_error, verification_error
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import UsageError
from pipeline.model.asset import target_in_name
from pipeline.model.findings import Examined, Finding
from pipeline.model.record import Subject
from pipeline.model.self_test import SelfTestReport
from pipeline.model.target import Target, find_target
from pipeline.orchestrate import ProofOrder, SelfTestProduct, prove, try_verifier
from pipeline.proof.generation import check_one_generation
from pipeline.report.matrix import matrix_table
from pipeline.report.summary import findings_json, verdict_text
from pipeline.stages.building import verify as stage


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("-t", "--target", metavar="NAME", help="Target of the files (default: what their names say).")
@click.option("--glibc", metavar="VERSION", help="Newest glibc that they may need, such as 2.36.")
@click.option("--assume-library", metavar="NAME", help="Library that users have; repeatable.", multiple=True)
@click.option("--complete", is_flag=True, help="They bring all libraries that they need but the C library's.")
@proof_options
@common_options
def verify(
    files: tuple[Path, ...],
    target: str | None,
    glibc: str | None,
    assume_library: tuple[str, ...],
    complete: bool,
    proof: ProofOptions,
) -> None:
    """Check anybody's programs: what is in them, and for products of this pipeline their records and what they do.

    FILE is a program, a directory, a zip, a tar, an npm package, a wheel, a folder of prebuilds, or an image (an OCI
    layout, what `docker save` writes, or its name in a registry, such as docker://HOST/NAME:TAG).

    Where a zip's build record lies beside it, each of its values is held against the zip; it also says for which
    target the zip is, which libraries its users are known to have, and whose canaries are to be run.
    """
    with open_session() as session:
        checked: dict[str, tuple[Finding, ...]] = {}
        seen: dict[str, Examined] = {}
        options = ExamineOptions(target=target, glibc=glibc, assumed=assume_library, complete=complete)
        for path in files:
            if proof.runtime is not None and not path.exists():
                raise _nothing_to_run(path)
            place = record_path(path, proof)
            if place is None and proof.runtime is None:
                record_order(place, proof)
                seen[str(path)] = looked_at = examined(path, options, session.context)
                checked[str(path)] = looked_at.findings
                session.reporter.show([f"{path}:", verdict_text(looked_at.findings)])
                continue
            checked[str(path)] = prove(_order(path, place, options, proof), session.context)
            session.reporter.show([f"{path}:", verdict_text(checked[str(path)])])
        if together := _generation_findings(files, proof):
            checked[str(files[-1])] += together
            session.reporter.show(["together:", verdict_text(together)])
        result: dict[str, object] = {
            "schema": 1, "files": [
                (listed(seen[path]) if path in seen else {"path": path}) | findings_json(found)
                for path, found in checked.items()
            ],
        }  # fmt: skip
        error = verification_error(
            tuple(finding for found in checked.values() for finding in found), listed=session.lists
        )
        if proof.self_test:
            tested = _self_test(session, files, proof)
            result["self_test"] = tested.model_dump(mode="json")
            error = error or self_test_error(tested)
        if error is not None:
            raise ResultError(error, result)
        session.result(result)


def _order(path: Path, place: Path | None, options: ExamineOptions, proof: ProofOptions) -> ProofOrder:
    subject = recorded_subject(place)
    target = _target(path, options.target, subject)
    return ProofOrder(
        inputs=stage.VerifyInputs(
            product=path.absolute(),
            target=target,
            glibc_floor=options.glibc,
            assumed_libraries=frozenset((*options.assumed, *(subject.assumed_libraries if subject else ()))),
            record=record_order(place, proof),
        ),
        request=build_request(proof, subject, target, start_dir=Path.cwd()),
    )


def _nothing_to_run(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not on this machine, so that nothing in it can be run",
        cause="a misspelt path; or an image in a registry, whose programs are only looked at",
        action="correct the path, or leave --runtime out",
    )


def _self_test(session: Session, files: tuple[Path, ...], proof: ProofOptions) -> SelfTestReport:
    products = tuple(SelfTestProduct(path=path, record_path=record_path(path, proof)) for path in files)
    tested = try_verifier(products, proof.other, session.context)
    session.reporter.show([matrix_table(matrix) for matrix in tested.matrices])
    return tested


def _generation_findings(files: Iterable[Path], proof: ProofOptions) -> tuple[Finding, ...]:
    """Return whether files of one generation hold the same snapshots.

    They are of one generation where their records say so (``generation_sha256``), or where that was said of all.
    """
    groups: dict[str | None, list[tuple[str, Subject]]] = {}
    for path in files:
        if subject := recorded_subject(record_path(path, proof)):
            generation = None if proof.one_generation else subject.generation_sha256 or path.name
            groups.setdefault(generation, []).append((path.name, subject))
    return tuple(finding for group in groups.values() if len(group) > 1 for finding in check_one_generation(group))


def _target(path: Path, name: str | None, subject: Subject | None) -> Target:
    if name or subject:
        return find_target(name or (subject.target if subject else ""))
    target = read_elf(path).target() if path.is_file() and is_elf(path) else target_in_name(path.name)
    if target is None:
        raise UsageError(
            f"for which target is {path.name}?",
            cause="its name has none of a target's names in it, or those of several, and no build record is beside it",
            action="add --target NAME",
        )
    return target
