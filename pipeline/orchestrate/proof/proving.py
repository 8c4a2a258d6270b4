"""Proves a product that is there already: static checks, its record, and runs of its runtime's canaries."""

from __future__ import annotations

import dataclasses

from pipeline.canaries.ladder import check_files_dir
from pipeline.context import Context
from pipeline.errors import ExecutorUnavailableError, NetworkError, ToolboxError
from pipeline.executors.choose import choose
from pipeline.model.build import BuildRequest
from pipeline.model.findings import Finding, Severity
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.building.bare import bare_executor
from pipeline.orchestrate.job import means_of, toolbox_inputs
from pipeline.proof.record_check import RecordOrder
from pipeline.stages.building import toolbox, verify


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProofOrder:
    """A product, and what is known about how it was built."""

    inputs: verify.VerifyInputs
    """What the static checks and the record's look at."""
    request: BuildRequest | None = None
    """How this machine would build it: its runtime and its one target; None: not known, so that nothing is run."""


def prove(order: ProofOrder, context: Context) -> tuple[Finding, ...]:
    """Return every finding about the product. Where no program of its target can be run, a finding says why.

    Raises ArchiveError when the product cannot be unpacked, SpecError for canary files that are not there.
    """
    if order.request is None:
        return verify.run(order.inputs, context)
    check_files_dir(order.request.runtime.canary_dir)
    try:
        inputs = _with_runs(order.inputs, order.request, context)
    except (ToolboxError, NetworkError, ExecutorUnavailableError) as error:
        return (*verify.run(order.inputs, context), _not_run(order.inputs, error.what))
    return verify.run(inputs, context)


def _with_runs(inputs: verify.VerifyInputs, request: BuildRequest, context: Context) -> verify.VerifyInputs:
    runtime, (wanted,) = request.runtime, request.targets
    with context.reporter.step("toolbox"):
        toolchain = toolbox.run(toolbox_inputs(request, wanted), context)
    means = means_of(toolchain, context.environ)
    executor_name = choose(means, request.executor)[0]
    place = context.cache_dir / "verify" / "bare"
    return dataclasses.replace(
        inputs,
        glibc_floor=inputs.glibc_floor or wanted.glibc,
        assumed_libraries=inputs.assumed_libraries | frozenset(runtime.assumed_libraries),
        program=program_of(request),
        executor=bare_executor(runtime, toolchain, means, place, executor_name) if runtime.canaries else None,
        canaries=runtime.canaries,
        canary_dir=runtime.canary_dir,
        record=_with_toolchain(inputs.record, toolchain),
    )


def _with_toolchain(record: RecordOrder | None, toolchain: Toolchain) -> RecordOrder | None:
    return dataclasses.replace(record, toolchain=toolchain) if record else None


def program_of(request: BuildRequest) -> str:
    """Return the path, inside the product, of the program that canaries run."""
    runtime = request.runtime
    return next(iter(runtime.binaries), runtime.package or request.name or "")


def _not_run(inputs: verify.VerifyInputs, why: str) -> Finding:
    return Finding(
        id="canary.executor",
        severity=Severity.UNKNOWN,
        subject=inputs.product.name,
        message=f"nothing was run: {why}",
        hint="name another executor with --executor, or ask for --static-only",
    )
