"""The last third of a build over several machines: the product, with snapshots that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import UsageError
from pipeline.model.build import BuildOutcome, BuildRequest
from pipeline.model.snapshot import step_key
from pipeline.orchestrate.compiling import compile_product, with_steps
from pipeline.orchestrate.driver import lifted_job
from pipeline.orchestrate.finishing import finish
from pipeline.orchestrate.identity import identity_of
from pipeline.orchestrate.job import Job
from pipeline.orchestrate.step import Origin
from pipeline.stages import import_snapshot
from pipeline.stages.lift import Lift


def stitch(request: BuildRequest, context: Context, *, snapshot: Path) -> tuple[BuildOutcome, ...]:
    """Build the runtime for the request's one target with the snapshots in the bundle *snapshot*.

    Raises the errors of all stages; StitchError, IntegrityError and ArchiveError for snapshots that do not fit.
    """
    if len(request.targets) != 1:
        raise UsageError(
            "a snapshot belongs to one target",
            cause="more than one target was named, or none",
            action="name the snapshot's target with --target",
        )
    fs.make_directory(request.out_dir)
    with lifted_job(request, request.targets[0], context) as (job, lift):
        accepted = _accept(job, lift, snapshot)
        origin = Origin(mode="replay", digest=accepted.sha256, replay_dir=accepted.directory)
        setup, ready = with_steps(job, lift, origin)
        return finish(job, ready, compile_product(job, ready, setup))


def _accept(job: Job, lift: Lift, snapshot: Path) -> import_snapshot.ImportOutputs:
    with job.ledger.step("take in snapshot") as step:
        accepted = import_snapshot.run(
            import_snapshot.ImportInputs(
                bundle=snapshot,
                identity=identity_of(job, lift),
                steps=tuple(step_key(item.package.key.name, item.package.key.version) for item in lift.generators),
                destination=job.work_dir / "replay" / job.label,
            )
        )
        step.detail(f"{snapshot.name}, sha256 {accepted.sha256[:12]}")
    return accepted
