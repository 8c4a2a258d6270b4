"""The snapshot step: run a generator on the target with exactly what Cargo gave its build script.

It runs inside the product's build: Cargo runs the stub, the stub runs ``python -m pipeline snapshot-step``, and
that comes here. Standard output goes back to Cargo and is made of directives.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.errors import WorkspaceError
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.snapshot import GeneratorSetup, OutputFile, StepResult, StepSetup, result_path
from pipeline.model.target import find_target

TAIL_BYTES = 64 * 1024
_RERUN_DIRECTIVE = re.compile(rb"^cargo::?rerun-if-", re.MULTILINE)
# The stub's own variables, those of the Python that runs us, and the host library path that Cargo adds.
_NOT_FOR_GENERATORS = re.compile(r"SNAPSTITCH_.*|PYTHON.*|LD_LIBRARY_PATH|_|OLDPWD|SHLVL")


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
    cargo_stdout: bytes
    stderr: bytes


def run(inputs: SnapshotInputs, executor: Executor) -> SnapshotOutputs:
    """Empty OUT_DIR, run the generator, and write down all that it made.

    Raises WorkspaceError when Cargo's environment has no OUT_DIR, ExecutorUnavailableError when the generator
    cannot be started; a generator that fails is a result.
    """
    request = make_request(inputs)
    out_dir = request.outputs[0]
    _empty(out_dir)
    # A package from elsewhere has a copy of its own, beside the overlay.
    own = () if inputs.workdir.is_relative_to(inputs.setup.tree) else (inputs.workdir,)
    before = {tree: dict(_stat_tree(tree)) for tree in (inputs.setup.tree, *own)}
    outcome = executor.run(request)
    strays = tuple(stray for tree in before for stray in _strays(tree, before[tree]))
    result = _result(inputs, request, outcome, strays)
    fs.write_text(
        result_path(inputs.steps_dir, result.package, result.version), result.model_dump_json(indent=2) + "\n"
    )
    return SnapshotOutputs(
        result=result, cargo_stdout=outcome.stdout + _watch_directives(outcome.stdout, inputs), stderr=outcome.stderr
    )


def make_request(inputs: SnapshotInputs) -> ExecRequest:
    """Return the request that equals a run of the build script on the target: HOST is TARGET."""
    env = {name: value for name, value in inputs.environ.items() if not _NOT_FOR_GENERATORS.fullmatch(name)}
    if "OUT_DIR" not in env:
        raise WorkspaceError(
            f"the stub of {inputs.generator.package} was started without OUT_DIR",
            cause="it was run by hand instead of by Cargo",
            action="run `python -m pipeline build`, which runs Cargo",
        )
    env["HOST"] = env.get("TARGET", find_target(inputs.setup.target).rust_triple)
    generator = inputs.generator.generator
    return ExecRequest(
        argv=(str(generator),),
        env=env,
        workdir=inputs.workdir,
        inputs=(generator, inputs.workdir),
        outputs=(Path(env["OUT_DIR"]),),
        target=find_target(inputs.setup.target),
        timeout_s=inputs.setup.timeout_s,
    )


def _empty(out_dir: Path) -> None:
    """Remove what an earlier run left: what is captured must come from this run alone."""
    fs.make_directory(out_dir)
    for entry in out_dir.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _stat_tree(tree: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for directory, _names, files in os.walk(tree):
        for name in files:
            path = Path(directory, name)
            status = path.lstat()
            yield path, (status.st_mtime_ns, status.st_size)


def _strays(tree: Path, before: Mapping[Path, tuple[int, int]]) -> tuple[OutputFile, ...]:
    changed = (path for path, status in _stat_tree(tree) if before.get(path) != status)
    return tuple(fs.describe_file(tree, path) for path in sorted(changed) if path.is_file())


def _watch_directives(stdout: bytes, inputs: SnapshotInputs) -> bytes:
    """Return the directives that we add: the generator is an input, and Cargo's default rule must not be lost."""
    watched = [inputs.generator.generator]
    if not _RERUN_DIRECTIVE.search(stdout):
        watched.append(inputs.generator.trigger)
    lead = b"" if stdout.endswith(b"\n") or not stdout else b"\n"
    return lead + b"".join(b"cargo:rerun-if-changed=" + os.fsencode(path) + b"\n" for path in watched)


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
