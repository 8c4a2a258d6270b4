"""From a request to zips: one target after the other, each through the same steps."""

from __future__ import annotations

from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.executors.choose import choose
from pipeline.ledger import Ledger
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildOutcome, BuildRequest, TargetRequest
from pipeline.model.events import Where
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.compiling import compile_all
from pipeline.orchestrate.finishing import finish
from pipeline.orchestrate.job import Job, means_of, work_dir_for
from pipeline.stages import analyze, lift, toolbox


def build(request: BuildRequest, context: Context) -> tuple[BuildOutcome, ...]:
    """Build the runtime for every target of the request.

    Raises the errors of all stages; what earlier targets made stays.
    """
    return tuple(_build_target(request, wanted, context) for wanted in request.targets)


def _build_target(request: BuildRequest, wanted: TargetRequest, context: Context) -> BuildOutcome:
    ledger = Ledger(context.reporter)
    fs.make_directory(request.out_dir)
    toolchain = _make_toolchain(request, wanted, context, ledger)
    executor_name, _reasons = choose(means_of(toolchain), request.executor)
    work_dir = work_dir_for(request, context)
    job = Job(
        request=request,
        wanted=wanted,
        context=context,
        ledger=ledger,
        toolchain=toolchain,
        executor_name=executor_name,
        work_dir=work_dir,
    )
    with fs.locked(work_dir.with_suffix(".lock")):
        _mark_as_ours(work_dir)
        lifted = _lift(job, _analyze(job))
        return finish(job, lifted, compile_all(job, lifted))


def _mark_as_ours(work_dir: Path) -> None:
    """Make the work directory, marked as something that can be made again."""
    fs.make_directory(work_dir)
    fs.write_if_changed(work_dir / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)


def _make_toolchain(request: BuildRequest, wanted: TargetRequest, context: Context, ledger: Ledger) -> Toolchain:
    provider = request.runtime.v8
    with ledger.step("toolbox", Where.NETWORK) as step:
        toolchain = toolbox.run(
            toolbox.ToolboxInputs(
                target=wanted.target,
                suite=wanted.suite,
                sysroot_packages=provider.packages if provider.kind == "system" else (),
                mode=request.toolchain,
            ),
            context,
        )
        step.detail(", ".join(f"{tool.name} {tool.version}" for tool in toolchain.tools[:3]))
    return toolchain


def _analyze(job: Job) -> Analysis:
    runtime = job.request.runtime
    with job.ledger.step("analyze") as step:
        analysis = analyze.run(
            analyze.AnalyzeInputs(
                workspace_dir=job.request.workspace_dir,
                work_dir=job.work_dir,
                toolchain=job.toolchain,
                package=runtime.package,
                binaries=runtime.binaries,
                vm_crate=runtime.vm_crate,
                profile=runtime.profile,
                features=runtime.features,
                default_features=runtime.default_features,
                env=runtime.env,
            ),
            job.context,
        )
        step.detail("to lift: " + ", ".join(str(package.key) for package in analysis.lifted))
    return analysis


def _lift(job: Job, analysis: Analysis) -> lift.Lift:
    with job.ledger.step("lift") as step:
        lifted = lift.run(
            lift.LiftInputs(
                analysis=analysis, work_dir=job.work_dir, toolchain=job.toolchain, env=job.request.runtime.env
            ),
            job.context,
        )
        step.detail(f"{lifted.synced.files} files, {lifted.synced.written} renewed")
    return lifted
