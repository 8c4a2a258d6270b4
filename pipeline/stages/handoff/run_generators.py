"""Runs the generators of an unpacked bundle on the target, and packs what they made."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.errors import GeneratorFailedError, GeneratorTimeoutError
from pipeline.executors import jobs
from pipeline.executors.rooted import require_modest
from pipeline.model.bundle import (
    OUT_DIR_NAME,
    REQUEST_FILE_NAME,
    RESULT_FILE_NAME,
    ROOT_DIR_NAME,
    STEPS_DIR_NAME,
    BundleRequest,
    GeneratorStep,
    StepOutcome,
)
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.target import find_target
from pipeline.packing.tarball import TarMember
from pipeline.processes.proc import describe_exit
from pipeline.snapshots import bundles


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunInputs:
    """A bundle that was unpacked and checked."""

    bundle_dir: Path
    request: BundleRequest
    work_dir: Path
    """An empty directory; what the generators make is laid out in it as in a snapshot bundle."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOutputs:
    """What the generators made."""

    directory: Path
    outcomes: tuple[tuple[str, StepOutcome], ...]
    """For each step that was run its name and what came of it."""

    def out_dirs(self) -> dict[str, Path]:
        """Return the captured OUT_DIR of each step."""
        return {name: self.directory / STEPS_DIR_NAME / name / OUT_DIR_NAME for name, _outcome in self.outcomes}


def run(inputs: RunInputs, executor: Executor) -> RunOutputs:
    """Run every generator of the bundle, and hand on what earlier rounds made.

    Raises ArchiveError for what an earlier round should have made, GeneratorFailedError (for an OUT_DIR beyond all
    measure, too), GeneratorTimeoutError, ExecutorUnavailableError when a generator cannot be run.
    """
    for name in inputs.request.made:
        _hand_on(inputs, name)
    to_run = (step for step in inputs.request.steps if step.name not in inputs.request.made)
    outcomes = tuple((step.name, _run_step(inputs, executor, step)) for step in to_run)
    # The request is the answer's first part, byte for byte: stitching tells by it what the snapshots are for.
    request = (inputs.bundle_dir / REQUEST_FILE_NAME).read_bytes()
    (inputs.work_dir / REQUEST_FILE_NAME).write_bytes(request)
    return RunOutputs(directory=inputs.work_dir, outcomes=outcomes)


def _hand_on(inputs: RunInputs, name: str) -> None:
    """Copy what an earlier round made."""
    made = inputs.bundle_dir / STEPS_DIR_NAME / name
    jobs.read_outcome(made)
    shutil.copytree(made, inputs.work_dir / STEPS_DIR_NAME / name)


def pack(outputs: RunOutputs, destination: Path) -> Path:
    """Write the snapshot bundle.

    Raises DiskFullError and NotWritableError.
    """
    bundles.write_bundle(destination, _members(outputs.directory))
    return destination


def _members(directory: Path) -> Iterator[TarMember]:
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        content = None if path.is_dir() else path
        yield TarMember(name=name, content=content, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)


def _run_step(inputs: RunInputs, executor: Executor, step: GeneratorStep) -> StepOutcome:
    place = inputs.work_dir / STEPS_DIR_NAME / step.name
    fs.make_directory(place / OUT_DIR_NAME)
    result = executor.run(_exec_request(inputs, step, place / OUT_DIR_NAME))
    _raise_for_failure(inputs, step, result)
    require_modest(place / OUT_DIR_NAME)
    outcome = StepOutcome(
        exit_code=result.exit_code,
        timed_out=result.timed_out,
        duration_s=round(result.duration_s, 3),
        cpu_s=round(result.cpu_s, 3),
        way=result.way,
        out_dir=result.out_dir or step.request.out_dir,
        system=result.executor.version,
        cpu_model=result.executor.cpu_model,
        executor=result.executor.name,
        emulated=result.executor.emulated,
    )
    (place / "stdout").write_bytes(result.stdout)
    (place / "stderr").write_bytes(result.stderr)
    fs.write_text(place / RESULT_FILE_NAME, outcome.model_dump_json(indent=2) + "\n")
    return outcome


def _exec_request(inputs: RunInputs, step: GeneratorStep, out_dir: Path) -> ExecRequest:
    return ExecRequest(
        argv=(step.program,),
        env={**step.request.env, "OUT_DIR": step.request.out_dir},
        workdir=Path(step.request.workdir),
        inputs=tuple(map(Path, step.source_dirs)),
        outputs=(out_dir,),
        target=find_target(inputs.request.identity.target),
        timeout_s=step.timeout_s,
        root=inputs.bundle_dir / ROOT_DIR_NAME,
    )


def _raise_for_failure(inputs: RunInputs, step: GeneratorStep, result: ExecResult) -> None:
    said = (result.stdout + result.stderr).decode(errors="replace")
    target = inputs.request.identity.target
    if result.timed_out:
        raise GeneratorTimeoutError(
            f"the generator of {step.name} did not end within {step.timeout_s:.0f} s on {target}",
            cause="it waits for something, or the machine is slower than the time limit allows",
            action="give the runtime more time (generator-timeout-s, or --timeout) and make the bundle again",
            details=said,
        )
    if result.exit_code != 0:
        raise GeneratorFailedError(
            f"the snapshot generator of {step.name} ended with {describe_exit(result.exit_code)} on {target}",
            cause="an error in the build script, or a file that it opens is not in the bundle; see its output above",
            action="add directories that it reads with `generator --include DIR`, and make the bundle again",
            details=said,
        )
