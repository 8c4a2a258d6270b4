"""The snapshot step's two ends: what the build writes down for the stub, and what the stub's helper does."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.errors import StitchError
from pipeline.executors.choose import Means, candidates
from pipeline.lifting.stub import RUN_STEP_VARIABLE
from pipeline.model.snapshot import STEP_FILE_NAME, GeneratorSetup, StepSetup
from pipeline.model.target import find_target
from pipeline.orchestrate.job import Job
from pipeline.stages import snapshot
from pipeline.stages.lift import Lift

LAUNCHER_NAME = "run-step"


def prepare_steps(job: Job, lift: Lift) -> StepSetup:
    """Write what the helper needs to know, and the launcher that the stub starts; return the former."""
    setup = StepSetup(
        target=job.target.name,
        executor=job.executor_name,
        qemu=job.toolchain.qemu,
        qemu_version=job.toolchain.qemu_version,
        sysroot=job.toolchain.sysroot,
        tree=lift.overlay.layout.tree,
        timeout_s=job.request.runtime.generator_timeout_s,
        generators=tuple(
            GeneratorSetup(
                package=generator.package.key.name,
                version=generator.package.key.version,
                generator=generator.expected_path,
                trigger=generator.trigger,
            )
            for generator in lift.generators
        ),
    )
    fs.write_if_changed(job.steps_dir / STEP_FILE_NAME, setup.model_dump_json(indent=2) + "\n")
    launcher = job.steps_dir / LAUNCHER_NAME
    if fs.write_if_changed(launcher, _launcher(job.steps_dir)):
        launcher.chmod(0o755)
    return setup


def step_environment(job: Job) -> dict[str, str]:
    """Return the variable that leads the stub to the launcher."""
    return {RUN_STEP_VARIABLE: str(job.steps_dir / LAUNCHER_NAME)}


def snapshot_step(
    *, steps_dir: Path, package: str, version: str, environ: Mapping[str, str], workdir: Path
) -> snapshot.SnapshotOutputs:
    """Run the generator of one package, as its stub asks, with the environment and directory that Cargo gave it.

    Raises StitchError when the stub belongs to another build, ExecutorUnavailableError.
    """
    setup = read_setup(steps_dir)
    generator = _find(setup.generators, package, version, steps_dir)
    means = Means(
        target=find_target(setup.target), sysroot=setup.sysroot, qemu=setup.qemu, qemu_version=setup.qemu_version
    )
    inputs = snapshot.SnapshotInputs(
        setup=setup, generator=generator, environ=environ, workdir=workdir, steps_dir=steps_dir
    )
    return snapshot.run(inputs, candidates(means)[setup.executor])


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
