"""The snapshot step: run a generator on the target with exactly what Cargo gave its build script.

It runs inside the product's build: Cargo runs the stub, the stub runs ``python -m pipeline snapshot-step``, and
that comes here. Standard output goes back to Cargo and is made of directives.
"""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import fs, roots
from pipeline.errors import StitchError, WorkspaceError
from pipeline.model.bundle import OUT_DIR_NAME, STEPS_DIR_NAME, BundleRequest, RecordedRequest, StepOutcome
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.snapshot import (
    GeneratorSetup,
    OutputFile,
    StepResult,
    StepSetup,
    origin_path,
    repeat_path,
    request_path,
    result_path,
)
from pipeline.model.target import find_target
from pipeline.snapshots import out_dirs, reproduced
from pipeline.snapshots.strays import stat_tree, strays_in

TAIL_BYTES = 64 * 1024
_RERUN_DIRECTIVE = re.compile(rb"^cargo::?rerun-if-", re.MULTILINE)
# The stub's own variables, those of the compiler cache and of the Python that runs us, and Cargo's host library path.
_NOT_FOR_GENERATORS = re.compile(r"SNAPSTITCH_.*|SCCACHE_.*|RUSTC_WRAPPER|PYTHON.*|LD_LIBRARY_PATH|_|OLDPWD|SHLVL")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnapshotInputs:
    """One run of one generator: its setup, and what Cargo gave the stub."""

    setup: StepSetup
    generator: GeneratorSetup
    environ: Mapping[str, str]
    workdir: Path
    steps_dir: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnapshotOutputs:
    """What Cargo is to see, and the result that is kept on disk."""

    result: StepResult
    stdout: bytes
    """What the generator said, by itself."""
    cargo_stdout: bytes
    """The same with the directives that are added."""
    stderr: bytes


def run(inputs: SnapshotInputs, executor: Executor) -> SnapshotOutputs:
    """Empty OUT_DIR, run the generator, and write down all that it made.

    Raises WorkspaceError when Cargo's environment has no OUT_DIR, ExecutorUnavailableError when the generator
    cannot be started; a generator that fails is a result.
    """
    request = make_request(inputs)
    note_path = repeat_path(inputs.steps_dir, inputs.generator.package, inputs.generator.version)
    trigger = inputs.generator.trigger
    with reproduced.former_outputs(request, trigger, note_path) as former:
        outputs = _run(inputs, request, executor)
        result = outputs.result
        if result.timed_out or result.exit_code != 0:
            note_path.unlink(missing_ok=True)
            return outputs
        if former is not None:
            repeated = reproduced.differences(former, request.outputs[0])
            result = result.model_copy(update={"repeated": repeated})
            _keep(inputs, result)
    reproduced.note(request, trigger, note_path, outputs.cargo_stdout)
    return dataclasses.replace(outputs, result=result)


def _run(inputs: SnapshotInputs, request: ExecRequest, executor: Executor) -> SnapshotOutputs:
    out_dir = request.outputs[0]
    out_dirs.empty(out_dir)
    # A package from elsewhere has a copy of its own, beside the overlay.
    own = () if inputs.workdir.is_relative_to(inputs.setup.tree) else (inputs.workdir,)
    before = {tree: dict(stat_tree(tree)) for tree in (inputs.setup.tree, *own)}
    outcome = executor.run(request)
    strays = tuple(stray for tree in before for stray in strays_in(tree, before[tree]))
    stdout = out_dirs.renamed(out_dir, outcome)
    result = _result(inputs, request, outcome, strays)
    _keep(inputs, result)
    return SnapshotOutputs(
        result=result,
        stdout=stdout,
        cargo_stdout=stdout + _watch_directives(stdout, inputs),
        stderr=outcome.stderr,
    )


def recall(inputs: SnapshotInputs, directory: Path, made: StepResult) -> SnapshotOutputs:
    """Give Cargo what the generator made in an earlier run: *directory* has ``out/`` and ``stdout`` of it.

    *made* is the result of that run, whose inputs were the same.
    """
    started_s = time.monotonic()
    request = make_request(inputs)
    out_dirs.fill(request.outputs[0], directory / OUT_DIR_NAME)
    stdout = (directory / "stdout").read_bytes()
    duration_s = round(time.monotonic() - started_s, 3)
    result = made.model_copy(
        update={
            "recalled": True,
            "made_in_s": made.duration_s,
            "duration_s": duration_s,
            "cpu_s": 0.0,
            "repeated": None,
        }
    )
    _keep(inputs, result)
    cargo_stdout = stdout + _watch_directives(stdout, inputs)
    note_path = repeat_path(inputs.steps_dir, result.package, result.version)
    reproduced.note(request, inputs.generator.trigger, note_path, cargo_stdout)
    return SnapshotOutputs(result=result, stdout=stdout, cargo_stdout=cargo_stdout, stderr=b"")


def make_request(inputs: SnapshotInputs) -> ExecRequest:
    """Return the request that equals a run of the build script on the target: HOST is TARGET."""
    env = {name: value for name, value in inputs.environ.items() if not _NOT_FOR_GENERATORS.fullmatch(name)}
    if "OUT_DIR" not in env:
        raise WorkspaceError(
            f"the stub of {inputs.generator.package} was started without OUT_DIR",
            cause="it was run by hand instead of by Cargo",
            action="run `python -m pipeline build`, which runs Cargo",
        )
    env = {name: value for name, value in env.items() if name not in inputs.setup.dropped_env}
    env["HOST"] = env.get("TARGET", find_target(inputs.setup.target).rust_triple)
    generator = inputs.generator.generator
    sources = inputs.generator.sources
    if inputs.setup.packages:
        sources += roots.named_directories(generator, inputs.setup.packages)
    return ExecRequest(
        argv=(str(generator),),
        env=env,
        workdir=inputs.workdir,
        inputs=(generator, inputs.workdir, *sources, *inputs.setup.inputs),
        outputs=(Path(env["OUT_DIR"]),),
        target=find_target(inputs.setup.target),
        timeout_s=inputs.setup.timeout_s,
    )


def record(inputs: SnapshotInputs) -> RecordedRequest:
    """Write down what the generator is to be run with, for another machine to do it.

    Raises WorkspaceError when Cargo's environment has no OUT_DIR.
    """
    request = make_request(inputs)
    recorded = RecordedRequest(
        package=inputs.generator.package,
        version=inputs.generator.version,
        env=dict(sorted(request.env.items())),
        workdir=str(request.workdir),
        out_dir=str(request.outputs[0]),
    )
    path = request_path(inputs.steps_dir, recorded.package, recorded.version)
    fs.write_text(path, recorded.model_dump_json(indent=2) + "\n")
    return recorded


def is_made(inputs: SnapshotInputs) -> bool:
    """Tell whether another machine has made this snapshot already."""
    directory = inputs.setup.replay_dir
    return directory is not None and (directory / STEPS_DIR_NAME / inputs.generator.key).is_dir()


def replay(inputs: SnapshotInputs) -> SnapshotOutputs:
    """Give Cargo what the generator made on another machine: the content of OUT_DIR, and its directives.

    OUT_DIR has another name there; wherever directives and text files name it, they get this one's.
    Raises StitchError when the snapshots are gone.
    """
    directory = inputs.setup.replay_dir
    name = inputs.generator.key
    step_dir = Path("/nonexistent") if directory is None else directory / STEPS_DIR_NAME / name
    if directory is None or not step_dir.is_dir():
        raise StitchError(
            f"the snapshot of {name} is not where the build put it",
            cause="the work directory was cleared during the build",
            action="run the same command again",
        )
    out_dir = make_request(inputs).outputs[0]
    outcome = StepOutcome.model_validate_json((step_dir / "result.json").read_bytes())
    out_dirs.fill(out_dir, step_dir / OUT_DIR_NAME, outcome.out_dir)
    stdout = (step_dir / "stdout").read_bytes().replace(outcome.out_dir.encode(), os.fsencode(out_dir))
    stderr = (step_dir / "stderr").read_bytes()
    result = _replayed(inputs, directory, outcome, (stdout, stderr), out_dir)
    _keep(inputs, result)
    lead = b"" if stdout.endswith(b"\n") or not stdout else b"\n"
    return SnapshotOutputs(
        result=result,
        stdout=stdout,
        cargo_stdout=stdout + lead + _rerun_if_changed([origin_path(inputs.steps_dir)]),
        stderr=stderr,
    )


def _replayed(
    inputs: SnapshotInputs, directory: Path, outcome: StepOutcome, said: tuple[bytes, bytes], out_dir: Path
) -> StepResult:
    request = BundleRequest.model_validate_json((directory / "request.json").read_bytes())
    step = next(step for step in request.steps if step.name == inputs.generator.key)
    return StepResult(
        package=inputs.generator.package,
        version=inputs.generator.version,
        target=inputs.setup.target,
        exit_code=outcome.exit_code,
        timed_out=outcome.timed_out,
        duration_s=round(outcome.duration_s, 3),
        cpu_s=round(outcome.cpu_s, 3),
        emulated=outcome.emulated,
        executor=outcome.executor,
        executor_version=outcome.system,
        cpu_model=outcome.cpu_model,
        generator_sha256=step.generator_sha256,
        out_dir=out_dir,
        outputs=fs.describe_tree(out_dir),
        strays=(),
        stdout_tail=said[0][-TAIL_BYTES:].decode(errors="replace"),
        stderr_tail=said[1][-TAIL_BYTES:].decode(errors="replace"),
        replay="",
        replayed=True,
    )


def _keep(inputs: SnapshotInputs, result: StepResult) -> None:
    path = result_path(inputs.steps_dir, result.package, result.version)
    fs.write_text(path, result.model_dump_json(indent=2) + "\n")


def _watch_directives(stdout: bytes, inputs: SnapshotInputs) -> bytes:
    """Return the directives that we add: the generator is an input, and Cargo's default rule must not be lost."""
    watched = [inputs.generator.generator, origin_path(inputs.steps_dir)]
    if not _RERUN_DIRECTIVE.search(stdout):
        watched.append(inputs.generator.trigger)
    lead = b"" if stdout.endswith(b"\n") or not stdout else b"\n"
    return lead + _rerun_if_changed(watched)


def _rerun_if_changed(paths: Iterable[Path]) -> bytes:
    return b"".join(b"cargo:rerun-if-changed=" + os.fsencode(path) + b"\n" for path in paths)


def _result(
    inputs: SnapshotInputs, request: ExecRequest, outcome: ExecResult, strays: tuple[OutputFile, ...]
) -> StepResult:
    out_dir = request.outputs[0]
    return StepResult(
        package=inputs.generator.package,
        version=inputs.generator.version,
        target=request.target.name,
        exit_code=outcome.exit_code,
        timed_out=outcome.timed_out,
        duration_s=round(outcome.duration_s, 3),
        cpu_s=round(outcome.cpu_s, 3),
        emulated=outcome.executor.emulated,
        executor=outcome.executor.name,
        executor_version=outcome.executor.version,
        cpu_model=outcome.executor.cpu_model,
        generator_sha256=fs.sha256_file(inputs.generator.generator),
        out_dir=out_dir,
        outputs=fs.describe_tree(out_dir),
        strays=strays,
        stdout_tail=outcome.stdout[-TAIL_BYTES:].decode(errors="replace"),
        stderr_tail=outcome.stderr[-TAIL_BYTES:].decode(errors="replace"),
        replay=outcome.replay,
    )
