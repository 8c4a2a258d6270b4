"""From requests to zips: one runtime and target after the other, each through the same steps."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pipeline import fs
from pipeline.context import Context
from pipeline.model.build import BuildOutcome, BuildRequest, TargetRequest
from pipeline.orchestrate.building.compiling import Compiled, compile_all
from pipeline.orchestrate.building.finishing_beside import Finishing
from pipeline.orchestrate.building.preparing import Prepared, alone_in, prepared
from pipeline.orchestrate.building.rooting import compile_in_root
from pipeline.orchestrate.job import work_dir_for


def build(requests: Sequence[BuildRequest], context: Context) -> tuple[BuildOutcome, ...]:
    """Build every runtime that is asked for, for every target of its request.

    What was made for one target is packed and checked while the next one compiles: Cargo keeps all cores busy by
    itself, until its last units.
    Raises the errors of all stages; what earlier targets made stays.
    """
    with contextlib.ExitStack() as alone:
        # In one order for everybody: two runs of the same runtimes must not wait for each other.
        for work_dir in sorted({work_dir_for(request, context) for request in requests}):
            alone.enter_context(alone_in(work_dir, context))
        finishing = alone.enter_context(Finishing(context.reporter))
        for request in requests:
            fs.make_directory(request.out_dir)
            for wanted in request.targets:
                finishing.check()
                with prepared(request, wanted, context, label=_label(requests, request, wanted)) as made:
                    finishing.begin(made.job, made.analysis, _compile(made))
        return finishing.outcomes()


def _label(requests: Sequence[BuildRequest], request: BuildRequest, wanted: TargetRequest) -> str:
    """Return what goes before each step's title: what tells the builds of one run apart."""
    words = [request.name or "the runtime"] if len(requests) > 1 else []
    words += [wanted.target.name] if len(requests) > 1 or len(request.targets) > 1 else []
    return f"{' for '.join(words)}: " if words else ""


def _compile(made: Prepared) -> Compiled:
    if made.job.request.runtime.strategy == "root":
        return compile_in_root(made.job, made.analysis, made.own_env)
    return compile_all(made.job, made.lifted())
