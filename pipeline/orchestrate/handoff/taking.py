"""Snapshots that were made elsewhere, taken into a build: some for more generators, all of them for a product."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UnsupportedError, UsageError
from pipeline.model.build import BuildRequest
from pipeline.model.snapshot import step_key
from pipeline.orchestrate.building.identity import identity_of
from pipeline.orchestrate.job import Job
from pipeline.stages.handoff import import_snapshot
from pipeline.workbench.lift import GeneratorBuild, Lift


def accept(job: Job, lift: Lift, snapshot: Path, *, partial: bool = False) -> import_snapshot.ImportOutputs:
    """Unpack the bundle *snapshot* if it is this build's; *partial*: some of its snapshots will do.

    Raises StitchError, IntegrityError and ArchiveError.
    """
    with job.ledger.step("take in snapshot") as step:
        accepted = import_snapshot.run(
            import_snapshot.ImportInputs(
                bundle=snapshot,
                identity=identity_of(job, lift),
                steps=tuple(map(step_name, lift.generators)),
                destination=job.work_dir / "replay" / job.label,
                partial=partial,
            )
        )
        step.detail(f"{snapshot.name}, sha256 {accepted.sha256[:12]}")
    return accepted


def step_name(generator: GeneratorBuild) -> str:
    """Return what a generator's step is called in bundles."""
    return step_key(generator.package.key.name, generator.package.key.version)


def require_one_target(request: BuildRequest) -> None:
    """Raise UsageError unless the request is for exactly one target."""
    if len(request.targets) != 1:
        raise UsageError(
            "a snapshot belongs to one target",
            cause="more than one target was named, or none",
            action="name the snapshot's target with --target",
        )


def require_lifting(request: BuildRequest) -> None:
    """Raise UnsupportedError for a runtime whose build scripts are not lifted: nothing can be handed over then."""
    if request.runtime.strategy != "lift":
        raise UnsupportedError(
            f"a build with the strategy `{request.runtime.strategy}` cannot be shared between machines",
            cause="its build scripts make the snapshot where they are, while Cargo runs",
            action="run `build`, which does all of it here; or take the strategy `lift` (--strategy lift)",
        )
