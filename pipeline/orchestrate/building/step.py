"""The snapshot step's two ends: what the build writes down for the stub, and what the stub's helper does."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.cache.store import DIRECTORY_NAME
from pipeline.errors import PipelineError, StitchError
from pipeline.executors.choose import OF_THIS_MACHINE, Means, candidates
from pipeline.lifting.stub import RUN_STEP_VARIABLE
from pipeline.model.execution import Executor
from pipeline.model.snapshot import (
    RECORDED_EXIT_CODE,
    STEP_FILE_NAME,
    GeneratorSetup,
    SnapshotCacheSetup,
    StepFailure,
    StepMode,
    StepSetup,
    failure_path,
    origin_path,
)
from pipeline.model.target import find_target
from pipeline.orchestrate.building.identity import identity_of
from pipeline.orchestrate.building.readable import local_sources, own_variables, package_dirs
from pipeline.orchestrate.building.recalling import recall_or_run
from pipeline.orchestrate.job import Job
from pipeline.sources.registry import user_home
from pipeline.stages.building import snapshot
from pipeline.workbench.lift import Lift

LAUNCHER_NAME = "run-step"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the snapshots of a build come from."""

    mode: StepMode = "live"
    digest: str = ""
    """Of what they are replayed from, or anything else that makes stubs run again when it changes."""
    replay_dir: Path | None = None


@dataclass(frozen=True, kw_only=True)
class StubAnswer:
    """What the stub prints, and how it ends."""

    stdout: bytes
    stderr: bytes
    exit_code: int


LIVE = Origin()


def prepare_steps(job: Job, lift: Lift, origin: Origin = LIVE) -> StepSetup:
    """Write what the helper needs to know, and the launcher that the stub starts; return the former."""
    remote = origin.mode == "live" and job.executor_name == "ssh"
    setup = StepSetup(
        target=job.target.name,
        executor=job.executor_name,
        host=job.request.host,
        client_env=dict(job.means.client_env),
        dropped_env=() if job.executor_name in OF_THIS_MACHINE else tuple(sorted(own_variables(job))),
        packages=package_dirs(lift) if remote else (),
        qemu=job.toolchain.qemu,
        qemu_version=job.toolchain.qemu_version,
        sysroot=job.toolchain.sysroot,
        tree=lift.overlay.layout.tree,
        inputs=() if remote else _readable_dirs(job, lift),
        engine_env=dict(job.means.engine_env),
        timeout_s=job.request.runtime.generator_timeout_s,
        generators=tuple(
            GeneratorSetup(
                package=generator.package.key.name,
                version=generator.package.key.version,
                generator=generator.expected_path,
                trigger=generator.trigger,
                sources=(*local_sources(lift, generator.package), *job.request.include) if remote else (),
            )
            for generator in lift.generators
        ),
        mode=origin.mode,
        replay_dir=origin.replay_dir,
        cache=_cache(job, lift) if origin.mode == "live" else None,
    )
    said = f"{origin.mode} {origin.digest}\n"
    if job.request.fresh_snapshot:
        # A new time makes every stub run again.
        fs.write_text(origin_path(job.steps_dir), said)
    else:
        fs.write_if_changed(origin_path(job.steps_dir), said)
    fs.write_if_changed(job.steps_dir / STEP_FILE_NAME, setup.model_dump_json(indent=2) + "\n")
    launcher = job.steps_dir / LAUNCHER_NAME
    if fs.write_if_changed(launcher, _launcher(job.steps_dir)):
        launcher.chmod(0o755)
    return setup


def _cache(job: Job, lift: Lift) -> SnapshotCacheSetup:
    return SnapshotCacheSetup(
        directory=job.context.cache_dir / DIRECTORY_NAME,
        identity=identity_of(job, lift),
        look_up=not job.request.fresh_snapshot,
    )


def step_environment(job: Job) -> dict[str, str]:
    """Return the variable that leads the stub to the launcher."""
    return {RUN_STEP_VARIABLE: str(job.steps_dir / LAUNCHER_NAME)}


def snapshot_step(
    *, steps_dir: Path, package: str, version: str, environ: Mapping[str, str], workdir: Path
) -> StubAnswer:
    """Do what the stub of one package asks for, with the environment and directory that Cargo gave it.

    Its generator is run; or, for another machine, the request is written down; or what another machine made is given.
    Raises StitchError when the stub belongs to another build, ExecutorUnavailableError and whatever else keeps a
    generator from being run; the build is told by a file.
    """
    try:
        return _answer(steps_dir, (package, version), environ, workdir)
    except PipelineError as error:
        failure = StepFailure(
            error=type(error).__name__, what=error.what, cause=error.cause, action=error.action, details=error.details
        )
        fs.write_text(failure_path(steps_dir, package, version), failure.model_dump_json(indent=2) + "\n")
        raise


def _answer(steps_dir: Path, asked: tuple[str, str], environ: Mapping[str, str], workdir: Path) -> StubAnswer:
    package, version = asked
    setup = read_setup(steps_dir)
    generator = _find(setup.generators, package, version, steps_dir)
    inputs = snapshot.SnapshotInputs(
        setup=setup, generator=generator, environ=environ, workdir=workdir, steps_dir=steps_dir
    )
    if setup.mode == "record" and not snapshot.is_made(inputs):
        snapshot.record(inputs)
        said = f"the request of {package} is written down; its snapshot is made on another machine\n"
        return StubAnswer(stdout=b"", stderr=said.encode(), exit_code=RECORDED_EXIT_CODE)
    outputs = snapshot.replay(inputs) if setup.mode != "live" else _live(inputs)
    return StubAnswer(stdout=outputs.cargo_stdout, stderr=outputs.stderr, exit_code=outputs.result.exit_code)


def _live(inputs: snapshot.SnapshotInputs) -> snapshot.SnapshotOutputs:
    def make_executor() -> Executor:
        return _executor(inputs.setup, inputs.steps_dir)

    if inputs.setup.cache is None:
        return snapshot.run(inputs, make_executor())
    return recall_or_run(inputs, inputs.setup.cache, make_executor)


def _executor(setup: StepSetup, steps_dir: Path) -> Executor:
    means = Means(
        target=find_target(setup.target),
        sysroot=setup.sysroot,
        qemu=setup.qemu,
        qemu_version=setup.qemu_version,
        engine_env=setup.engine_env,
        host=setup.host,
        client_env=setup.client_env,
        keep_dir=steps_dir,
    )
    return candidates(means)[setup.executor]


def read_setup(steps_dir: Path) -> StepSetup:
    """Return what the build wrote down for the helper.

    Raises StitchError when it is not there or not readable.
    """
    path = steps_dir / STEP_FILE_NAME
    try:
        return StepSetup.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StitchError(
            f"{path} cannot be read",
            cause="the build that wrote it is gone, or another version of this program wrote it",
            action="run the build again; it writes the file anew",
        ) from error


def _readable_dirs(job: Job, lift: Lift) -> tuple[Path, ...]:
    """Return where generators find sources, the overlay's and those that it links to, and other scripts' results."""
    cargo_home = user_home(lift.call.env)
    originals = (*lift.overlay.layout.roots, *((lift.analysis.git.top_dir,) if lift.analysis.git else ()))
    places = (job.work_dir, *originals, cargo_home / "registry", cargo_home / "git")
    return tuple(path for path in places if path.is_dir())


def _find(generators: Iterable[GeneratorSetup], package: str, version: str, steps_dir: Path) -> GeneratorSetup:
    for generator in generators:
        if (generator.package, generator.version) == (package, version):
            return generator
    raise StitchError(
        f"the stub of {package} {version} asks for a snapshot that this build does not make",
        cause="the stub belongs to another build in the same work directory",
        action=f"delete {steps_dir.parent.parent} and build again",
    )


def _launcher(steps_dir: Path) -> str:
    """Return a script that finds this very program again, whatever the directory and PATH of the caller."""
    root = Path(pipeline.__file__).parent.parent
    argv = (sys.executable, "-m", "pipeline", "snapshot-step", "--steps-dir", str(steps_dir))
    return f'#!/bin/sh\nexec env PYTHONPATH={shlex.quote(os.fspath(root))} {shlex.join(argv)} "$@"\n'
