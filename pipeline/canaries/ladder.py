"""The canaries of a runtime, in their order, each in a directory of its own that holds its files and nothing else."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.canaries.pace import Pace, measure
from pipeline.errors import SpecError
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.findings import Finding, Severity
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.target import Target
from pipeline.processes.proc import describe_exit

_SHOWN_OUTPUT_CHARACTERS = 400


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ladder:
    """A product that was unpacked, and the runs that it must pass."""

    product_dir: Path
    program: str
    """The program to run, a path inside the product."""
    target: Target
    executor: Executor
    canaries: tuple[Canary, ...]
    files_dir: Path | None = None
    """What lies in it lies in the working directory of every run."""


def climb(ladder: Ladder) -> Iterator[Finding]:
    """Yield one finding for each canary, after one about the executor's speed.

    A run that fails does not keep the next ones from being tried, but one that did not end in time does: each of
    them would wait as long. Raises ExecutorUnavailableError when the executor cannot start the program at all.
    """
    if not ladder.canaries:
        return
    program = ladder.product_dir / ladder.program
    if not program.is_file():
        yield Finding(
            id="canary.program", severity=Severity.FAIL, subject=ladder.program, message="is not in the product"
        )
        return
    pace = measure(ladder.executor, ladder.target)
    yield _pace_finding(pace)
    stuck = False
    for canary in ladder.canaries:
        if stuck:
            yield _not_tried(program, canary)
            continue
        result = _run(ladder, canary, program, canary.timeout_s * pace.factor)
        stuck = result.timed_out
        yield _finding(program, canary, result, canary.timeout_s * pace.factor)


def check_files_dir(directory: Path | None) -> None:
    """Raise SpecError when there is no such *directory*: better before a build than after it."""
    if directory is not None and not directory.is_dir():
        raise SpecError(
            f"canary-dir is not a directory: {directory}",
            cause="a misspelt path, or files that were not checked out",
            action="correct canary-dir of the runtime in releases.toml",
        )


def files_digest(directory: Path | None) -> str:
    """Return the digest of all that canaries find in their working directory."""
    return fs.sha256_json([item.model_dump() for item in fs.describe_tree(directory)] if directory else [])


def _run(ladder: Ladder, canary: Canary, program: Path, timeout_s: float) -> ExecResult:
    # Each run gets a directory of its own: what one leaves behind must not help the next.
    with tempfile.TemporaryDirectory(prefix="snapstitch-canary-") as name:
        workdir = Path(name).resolve()
        _lay_out(ladder, canary, workdir)
        return ladder.executor.run(
            ExecRequest(
                argv=(str(program.resolve()), *canary.args),
                env={"PATH": "/usr/bin:/bin", "HOME": str(workdir), "TMPDIR": str(workdir), "LC_ALL": "C.UTF-8"},
                workdir=workdir,
                inputs=(program.parent,),
                outputs=(workdir,),
                target=ladder.target,
                timeout_s=timeout_s,
            )
        )


def _lay_out(ladder: Ladder, canary: Canary, workdir: Path) -> None:
    if ladder.files_dir is not None:
        shutil.copytree(ladder.files_dir, workdir, dirs_exist_ok=True)
    for name, text in canary.files.items():
        fs.write_text(workdir / name, text)


def _pace_finding(pace: Pace) -> Finding:
    said = (
        f"takes {pace.factor:.1f} times as long as the machine that time limits are for; they are that much longer"
        if pace.ended
        else "did not count to the end; time limits are as long as they may be"
    )
    return Finding(
        id="canary.pace",
        severity=Severity.INFO,
        subject="the executor",
        message=said,
        evidence={"factor": round(pace.factor, 2), "loop_s": round(pace.loop_s, 4)},
    )


def _subject(program: Path, canary: Canary) -> str:
    return " ".join((program.name, *canary.args))


def _not_tried(program: Path, canary: Canary) -> Finding:
    return Finding(
        id="canary",
        severity=Severity.UNKNOWN,
        subject=_subject(program, canary),
        message="was not tried, because a run before it did not end in time",
        evidence={"rung": canary.name},
    )


def _finding(program: Path, canary: Canary, result: ExecResult, timeout_s: float) -> Finding:
    problem = _problem(canary, result, timeout_s)
    return Finding(
        id="canary",
        severity=Severity.FAIL if problem else Severity.OK,
        subject=_subject(program, canary),
        message=problem or f"answered as it should, in {result.duration_s:.1f} s",
        evidence={
            "rung": canary.name,
            "exit_code": result.exit_code,
            "duration_s": round(result.duration_s, 3),
            "cpu_s": round(result.cpu_s, 3),
            "timeout_s": round(timeout_s, 1),
            "stdout": _shown(result.stdout),
            "stderr": _shown(result.stderr),
            "executor": f"{result.executor.name} {result.executor.version}".strip(),
            "cpu_model": result.executor.cpu_model,
            "emulated": result.executor.emulated,
        },
    )


def _problem(canary: Canary, result: ExecResult, timeout_s: float) -> str | None:
    """Return what is wrong with a run, None when it answered as it should."""
    if result.timed_out:
        return f"did not end within {timeout_s:.1f} s"
    said = f" (it said: {_shown(result.stderr)})" if result.stderr.strip() else ""
    if result.exit_code != canary.exit_code:
        return f"ended with {describe_exit(result.exit_code)} instead of {canary.exit_code}{said}"
    text = result.stdout.decode(errors="replace")
    if canary.stdout is not None and text.rstrip("\n") != canary.stdout.rstrip("\n"):
        return f"printed {_shown(result.stdout)!r} instead of {canary.stdout.rstrip()!r}{said}"
    if canary.stdout_contains is not None and canary.stdout_contains not in text:
        return f"printed {_shown(result.stdout)!r}, without {canary.stdout_contains!r}{said}"
    return None


def _shown(output: bytes) -> str:
    text = output.decode(errors="replace").strip()
    return text if len(text) <= _SHOWN_OUTPUT_CHARACTERS else text[:_SHOWN_OUTPUT_CHARACTERS] + "…"
