"""Everything before the first compilation: tools, sources, patches, analysis, V8, lifting."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.canaries.ladder import check_files_dir
from pipeline.context import Context
from pipeline.executors.choose import Means, choose
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.events import Where
from pipeline.model.spec.origins import SourceVm, SystemVm
from pipeline.model.spec.profiles import chosen, profile_settings, unmatched_overrides
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.building.assumed import find_assumed
from pipeline.orchestrate.building.limits import require_rust
from pipeline.orchestrate.building.patching import patch_packages, patch_source
from pipeline.orchestrate.job import Job, means_of, toolbox_inputs, work_dir_for
from pipeline.orchestrate.ledger import Ledger
from pipeline.orchestrate.v8_source import compiled_provider
from pipeline.rust import cargo, compiler_cache, native_env
from pipeline.stages.building import analyze, lift, provide_v8, source, toolbox
from pipeline.workbench.lift import Lift


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """One build, ready to be compiled in one way or another."""

    job: Job
    analysis: Analysis
    env: Mapping[str, str]
    """For build scripts and compilers of this machine."""
    own_env: Mapping[str, str]
    """The part of it that does not speak of this machine's tools."""

    def lifted(self) -> Lift:
        """Return the build with its scripts lifted; raises LiftError and LockChangedError."""
        return _lift(self.job, self.analysis, self.env)


@contextlib.contextmanager
def lifted_job(
    request: BuildRequest, wanted: TargetRequest, context: Context, *, runs_here: bool = True, with_v8: bool = True
) -> Iterator[tuple[Job, Lift]]:
    """Yield one build, lifted and ready to be compiled; its work directory is locked meanwhile.

    *runs_here* says whether programs of the target are going to be run on this machine, *with_v8* whether V8 is going
    to be linked: without it, it is not fetched.
    Raises the errors of the stages before the first compilation, ExecutorUnavailableError.
    """
    with (
        alone_in(work_dir_for(request, context), context),
        prepared(request, wanted, context, runs_here=runs_here, with_v8=with_v8) as made,
    ):
        yield made.job, made.lifted()


@contextlib.contextmanager
def prepared(
    request: BuildRequest,
    wanted: TargetRequest,
    context: Context,
    *,
    label: str = "",
    runs_here: bool = True,
    with_v8: bool = True,
) -> Iterator[Prepared]:
    """Yield one build whose workspace was read; the caller has the lock of its work directory."""
    check_files_dir(request.runtime.canary_dir)
    ledger = Ledger(context.reporter, label=label)
    context = dataclasses.replace(context, reporter=ledger)
    toolchain = _make_toolchain(request, wanted, context, ledger)
    require_rust(request.runtime, request.name or "the runtime", toolchain)
    find_assumed(request.runtime, toolchain)  # a name that is wrong must not be found out after an hour of compiling
    means = means_of(toolchain, context.environ, request.host)
    executor_name = _choose(means, request, context) if runs_here else "none"
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
    # Without V8, nothing is going to be compiled.
    with compiler_cache.serving(context.environ if with_v8 else {}) as objects:
        _mark_as_ours(work_dir)
        patched = patch_source(job, _get_source(job))
        job = dataclasses.replace(job, patches=patched.applied)
        env = dict(request.runtime.env) | _native_environment(job) | dict(objects.env)
        analysis, applied = patch_packages(job, _analyze(job, patched.path, env), patched.left)
        job = dataclasses.replace(job, patches=(*job.patches, *applied))
        v8_env, v8_archive = _provide_v8(job, analysis) if with_v8 else ({}, None)
        job = dataclasses.replace(job, v8_archive=v8_archive)
        own_env = dict(request.runtime.env) | v8_env
        yield Prepared(job=job, analysis=analysis, env=env | v8_env, own_env=own_env)
        if figures := objects.figures():
            context.reporter.note(figures)


def _choose(means: Means, request: BuildRequest, context: Context) -> str:
    name, reasons = choose(means, request.executor)
    if request.executor == "auto":
        context.reporter.note(f"{name} runs programs of {means.target.name} ({'; '.join(reasons)})")
    return name


@contextlib.contextmanager
def alone_in(work_dir: Path, context: Context) -> Iterator[None]:
    """Hold the work directory's lock; say so when another build has to end first."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(fs.locked_beside(work_dir, timeout_s=1))
        except TimeoutError:
            context.reporter.note(f"waiting for another build of {work_dir.name} to end")
            stack.enter_context(fs.locked_beside(work_dir))
        yield


def _mark_as_ours(work_dir: Path) -> None:
    """Make the work directory, marked as something that can be made again."""
    fs.make_directory(work_dir)
    fs.write_if_changed(work_dir / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)


def _make_toolchain(request: BuildRequest, wanted: TargetRequest, context: Context, ledger: Ledger) -> Toolchain:
    with ledger.step("toolbox") as step:
        toolchain = toolbox.run(toolbox_inputs(request, wanted), context)
        step.detail(", ".join(f"{tool.name} {tool.version}" for tool in toolchain.tools[:3]))
    return toolchain


def _get_source(job: Job) -> source.SourceTree:
    """Return the workspace, fetched first where it is not on this machine."""
    inputs = source.SourceInputs(
        source=job.request.runtime.source,
        cargo=job.toolchain.cargo,
        cargo_env=cargo.environment(job.toolchain, job.context),
    )
    if job.request.workspace_dir is not None:
        return source.run(inputs, job.context)
    with job.ledger.step("source", where=Where.NETWORK) as step:
        tree = source.run(inputs, job.context)
        step.detail(f"{tree.revision}, {tree.digest}")
    return tree


def _native_environment(job: Job) -> dict[str, str]:
    """Return the variables for native dependencies, where the runtime has some."""
    if not job.request.runtime.native_tools:
        return {}
    environ = cargo.environment(job.toolchain, job.context)
    found = native_env.native_environment(job.toolchain, job.work_dir / "native", environ)
    if found.missing:
        job.context.reporter.warn(f"not found for native dependencies: {', '.join(found.missing)}")
    return dict(found.env)


def _provide_v8(job: Job, analysis: Analysis) -> tuple[dict[str, str], provide_v8.V8File | None]:
    """Put V8 where the VM crate's build script looks for it; return the variables that lead there, and its archive."""
    provider = job.request.runtime.vm_of(job.target.name)
    if isinstance(provider, SystemVm):
        return {}, None
    features = {crate.package: crate.features for crate in analysis.target_features}
    env: dict[str, str] = {}
    archive = None
    with job.ledger.step("V8") as step:
        for key in analysis.vm:
            on = features.get(key, frozenset())
            made = compiled_provider(job, provider, key, on) if isinstance(provider, SourceVm) else provider
            provided = provide_v8.run(
                provide_v8.V8Inputs(provider=made, version=key.version, target=job.target, features=on),
                job.context,
            )
            env |= provided.env
            archive = next(iter(provided.files), None)
        step.detail(", ".join(map(str, analysis.vm)))
    return env, archive


def _analyze(job: Job, workspace_dir: Path, env: Mapping[str, str]) -> Analysis:
    runtime = job.request.runtime
    profiles = chosen(runtime.profiles, runtime.profile)
    with job.ledger.step("analyze") as step:
        analysis = analyze.run(
            analyze.AnalyzeInputs(
                workspace_dir=workspace_dir,
                work_dir=job.work_dir,
                toolchain=job.toolchain,
                package=runtime.package,
                binaries=runtime.binaries,
                companions=tuple(
                    analyze.CompanionChoice(package=item.package, binaries=item.binaries) for item in runtime.companions
                ),
                vm_crate=runtime.vm_crate,
                profile=runtime.profile,
                features=runtime.features,
                default_features=runtime.default_features,
                env=env,
                settings=profile_settings(profiles),
            ),
            job.context,
        )
        step.detail("to lift: " + ", ".join(str(package.key) for package in analysis.lifted))
    for unmatched in unmatched_overrides(profiles, analysis.packages):
        job.context.reporter.warn(str(unmatched))
    return analysis


def _lift(job: Job, analysis: Analysis, env: Mapping[str, str]) -> Lift:
    with job.ledger.step("lift") as step:
        lifted = lift.run(
            lift.LiftInputs(
                analysis=analysis,
                work_dir=job.work_dir,
                toolchain=job.toolchain,
                env=env,
                accept_lost_features=frozenset(job.request.runtime.accept_lost_features),
            ),
            job.context,
        )
        step.detail(f"{lifted.synced.files} files, {lifted.synced.written} renewed")
    return lifted
