"""The last third of a build over several machines: the product, with snapshots that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.model.build import BuildOutcome, BuildRequest
from pipeline.orchestrate.building.compiling import compile_product, with_steps
from pipeline.orchestrate.building.finishing import finish
from pipeline.orchestrate.building.preparing import lifted_job
from pipeline.orchestrate.building.step import Origin
from pipeline.orchestrate.handoff.taking import accept, require_lifting, require_one_target


def stitch(request: BuildRequest, context: Context, *, snapshot: Path) -> tuple[BuildOutcome, ...]:
    """Build the runtime for the request's one target with the snapshots in the bundle *snapshot*.

    Raises the errors of all stages; StitchError, IntegrityError and ArchiveError for snapshots that do not fit.
    """
    require_lifting(request)
    require_one_target(request)
    fs.make_directory(request.out_dir)
    with lifted_job(request, request.targets[0], context) as (job, lift):
        accepted = accept(job, lift, snapshot)
        origin = Origin(mode="replay", digest=accepted.sha256, replay_dir=accepted.directory)
        setup, ready = with_steps(job, lift, origin)
        return finish(job, ready.analysis, compile_product(job, ready, setup))
