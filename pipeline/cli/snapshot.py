"""``snapshot``: run the generators of a bundle where the target's CPU is, and pack what they make."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from pipeline import orchestrate
from pipeline.cli.settings import ResultError, common_options, open_session
from pipeline.errors import UsageError, VerificationError
from pipeline.model.bundle import StepOutcome
from pipeline.orchestrate import RunOrder, RunReport

DEFAULT_OUT_DIR = Path("dist")


@click.command("snapshot")
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-t", "--target", metavar="NAME", help="Target that the bundle must be for.")
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_OUT_DIR, metavar="FILE", help="What is made.")
@click.option("--executor", metavar="NAME", help="auto, native, qemu, docker, ssh:[user@]host[:port].")
@click.option("--cross-check", metavar="A,B", help="Run on two executors and compare; A's snapshots are packed.")
@click.option("--remote-run", metavar="WORDS", default="", help="[ssh] Emulator there, such as 'qemu-… -L @ROOT@'.")
@click.option("--ssh-config", type=click.Path(exists=True, path_type=Path), metavar="FILE", help="[ssh] Its settings.")
@common_options
def snapshot(bundle: Path, target: str | None, out: Path, executor: str | None, **more: Any) -> None:  # noqa: ANN401
    """Run the generators of a bundle on the target and pack the snapshots."""
    with open_session() as session:
        first, second = _executors(executor, more["cross_check"])
        order = RunOrder(
            bundle=bundle.resolve(),
            out=out.absolute(),
            executor=first,
            cross_check=second,
            target=target,
            remote_run=more["remote_run"],
            ssh_config=more["ssh_config"],
        )
        report = orchestrate.run_bundle(order, session.context)
        error = _difference_error(report)
        if error is not None:
            raise ResultError(error, _as_json(report))
        session.result(_as_json(report), _as_text(report))


def _executors(executor: str | None, cross_check: str | None) -> tuple[str, str | None]:
    if cross_check is None:
        return executor or "auto", None
    names = cross_check.split(",")
    if executor is not None or len(names) != 2 or not all(names):
        raise UsageError(
            "--cross-check takes two executors, and no --executor beside it",
            cause="the options do not fit together",
            action="such as --cross-check qemu,ssh:arm-box",
        )
    return names[0], names[1]


def _difference_error(report: RunReport) -> VerificationError | None:
    """Return the error for snapshots whose V8 parts differ; what embedders append may, and is only reported."""
    if not any(item.of_v8 or item.part == "file" for item in report.differences or ()):
        return None
    return VerificationError(
        "the two executors did not make the same snapshot",
        cause="the generator's output depends on the machine or on chance (time, random seeds, order of hash maps)",
        action="compare the parts above; V8 makes equal snapshots with --predictable and a fixed --random-seed",
        details=_difference_text(report),
    )


def _as_text(report: RunReport) -> str:
    lines = [f"{report.path}  {report.size_bytes:,} bytes"]
    for name, outcome in (*report.outcomes, *report.others):
        lines.append(f"{name}: {outcome.executor} on {outcome.cpu_model}, {outcome.duration_s:.2f} s ({outcome.way})")
    verb = "generator" if report.pending else "stitch"
    lines.append(f"next, where it is compiled:  python -m pipeline {verb} --snapshot {shlex.quote(str(report.path))}")
    return "\n".join(lines) + "\n" + _difference_text(report)


def _difference_text(report: RunReport) -> str:
    if report.differences is None:
        return ""
    lines = [f"{item.file}: {item.part}: {item.message}" for item in report.differences]
    return "\n".join(lines or ["equal, byte for byte"]) + "\n"


def _as_json(report: RunReport) -> dict[str, object]:
    def steps(outcomes: tuple[tuple[str, StepOutcome], ...]) -> dict[str, object]:
        return {name: outcome.model_dump(mode="json") for name, outcome in outcomes}

    compared = None
    if report.differences is not None:
        found = [{"file": d.file, "part": d.part, "of_v8": d.of_v8, "message": d.message} for d in report.differences]
        compared = {"with": steps(report.others), "differences": found}
    bundle = {"path": str(report.path), "size_bytes": report.size_bytes, "sha256": report.sha256}
    return {
        "schema": 1, "bundle": bundle, "target": report.target, "steps": steps(report.outcomes),
        "pending": list(report.pending),
        "cross_check": compared,
    }  # fmt: skip
