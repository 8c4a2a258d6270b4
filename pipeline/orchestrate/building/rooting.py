"""A build without lifting: all of it in an emulated root, where build scripts are programs of the target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.errors import CompileError, StitchError, UnsupportedError
from pipeline.lifting.goals import untouched_goal
from pipeline.model.analysis import Analysis, LiftedPackage
from pipeline.model.build import StepTiming
from pipeline.model.cargo import ScriptExecuted
from pipeline.model.events import Where
from pipeline.model.snapshot import StepResult
from pipeline.orchestrate.building.compiling import Compiled, counter, executable
from pipeline.orchestrate.building.limits import within_memory
from pipeline.orchestrate.job import Job
from pipeline.rust import cargo
from pipeline.sources.registry import user_home
from pipeline.stages.building import compile_in_root as root_stage

_NATIVE_PACKAGES = ("cmake", "make", "pkg-config", "libclang-dev")
"""What crates with C dependencies run, as Debian and Ubuntu call the packages."""
_ID = re.compile(r"#(?:(?P<name>[^@]+)@)?(?P<version>[^@]+)$")
"""The end of Cargo's package ids (The Cargo Book, "Package ID Specifications")."""


def compile_in_root(job: Job, analysis: Analysis, env: Mapping[str, str]) -> Compiled:
    """Compile the product in a root of its target; build scripts run where they are, emulated.

    Raises RootError, CompileError, MemoryShortError, UnsupportedError and what fetching packages raises.
    """
    _refuse_patched(analysis)
    runtime = job.request.runtime
    native = _NATIVE_PACKAGES if runtime.native_tools else ()
    packages = (*runtime.vm_packages(job.target.name), *native, *runtime.root_packages)
    root = root_stage.prepare(job.target, job.wanted.suite, packages, job.context)
    goal = untouched_goal(analysis.products, analysis.selection, per_package_features=analysis.per_package_features)
    inputs = root_stage.RootInputs(
        root=root,
        call=within_memory(job, _call(job, analysis)),
        goal=goal,
        env=env,
        seen=_seen(analysis, env),
        cargo_home=user_home(job.context.environ),
    )
    with job.ledger.step("compile in the root") as step:
        outputs = root_stage.run(inputs, job.context, on_message=counter(step), on_output=job.context.reporter.output)
        emulated_s = sum(outputs.emulated_cpu_s.values())
        step.memory(outputs.outcome.peak_memory_bytes)
        step.cpu(max(0.0, outputs.outcome.cpu_s - emulated_s))
        step.detail(f"{len(outputs.outcome.artifacts)} units")
    snapshots = tuple(
        _snapshot(job, inputs.call, outputs, package) for package in analysis.lifted if package.in_product
    )
    for made in snapshots:
        _enter(job, made)
    return Compiled(
        binaries=tuple((name, executable(outputs.outcome, name)) for name in goal.bins),
        snapshots=snapshots,
        emulated_cpu_s=emulated_s,
    )


def _refuse_patched(analysis: Analysis) -> None:
    if analysis.patched or any(package.top is not None for package in analysis.lifted):
        raise UnsupportedError(
            "patches to packages from elsewhere cannot be used in a root",
            cause="they are put in by the copy of the workspace that lifting makes",
            action="take them out (--no-patches), or use the strategy `lift`",
        )


def _call(job: Job, analysis: Analysis) -> cargo.CargoCall:
    config: tuple[str, ...] = ()
    if analysis.raise_vm_opt_level:
        config = (f'profile.{analysis.selection.profile}.package."{analysis.vm_crate}".opt-level=1',)
    return cargo.CargoCall(
        cargo=job.toolchain.cargo,
        env={},
        cwd=analysis.call_dir,
        manifest_path=analysis.product.manifest_path,
        target_dir=job.work_dir / "root" / job.label,
        selection=analysis.selection,
        config=config,
        jobs=job.context.jobs,
    )


def _seen(analysis: Analysis, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return what is seen in the root: sources, the repository around them, and what variables lead to."""
    places = [analysis.workspace_root, analysis.call_dir, *(item.directory for item in analysis.path_packages)]
    if analysis.git:
        places += [analysis.git.top_dir, analysis.git.git_dir, analysis.git.common_dir]
    places += [Path(value) for value in env.values() if value.startswith("/") and Path(value).exists()]
    outer = set(places)
    return tuple(sorted(path for path in outer if not any(parent in outer for parent in path.parents)))


def _snapshot(job: Job, call: cargo.CargoCall, outputs: root_stage.RootOutputs, package: LiftedPackage) -> StepResult:
    """Return what the build script of *package* made for the product.

    Where another build script needs the package as well, the script has run twice; the product's OUT_DIR lies below
    the target's name.
    """
    outcome = outputs.outcome
    below = call.target_dir / call.selection.target_triple
    scripts = [s for s in outcome.scripts if _is_of(s.package_id, package) and s.out_dir.is_relative_to(below)]
    programs = [a for a in outcome.artifacts if _is_of(a.package_id, package) and a.target.is_build_script]
    if len(scripts) != 1 or not programs:
        raise StitchError(
            f"the build script of {package.key} made {len(scripts)} results for the product",
            cause="Cargo ran it in a way that was not foreseen",
            action="use the strategy `lift`, and report the workspace's shape",
        )
    return _result(job, outputs, package, scripts[0], programs[-1].filenames[0])


def _result(
    job: Job, outputs: root_stage.RootOutputs, package: LiftedPackage, script: ScriptExecuted, program: Path
) -> StepResult:
    spent_s = outputs.emulated_cpu_s.get(str(program), 0.0)
    emulated = bool(outputs.emulator_version)
    return StepResult(
        package=package.key.name,
        version=package.key.version,
        target=job.target.name,
        exit_code=0,
        timed_out=False,
        duration_s=spent_s,
        cpu_s=spent_s,
        emulated=emulated,
        executor="root",
        executor_version=outputs.emulator_version,
        cpu_model=job.target.qemu_cpu if emulated else "native",
        generator_sha256=fs.sha256_file(program),
        out_dir=script.out_dir,
        outputs=fs.describe_tree(script.out_dir),
        strays=(),
        stdout_tail="",
        stderr_tail="",
        replay="",
    )


def _is_of(package_id: str, package: LiftedPackage) -> bool:
    found = _ID.search(package_id)
    if found is None:
        raise CompileError(
            f"Cargo names a package {package_id!r}",
            cause="another version of Cargo than those that were tried",
            action="use the strategy `lift`, and report the version",
        )
    name = found["name"] or package_id.partition("#")[0].rpartition("/")[2]
    return (name, found["version"]) == (package.key.name, package.key.version)


def _enter(job: Job, made: StepResult) -> None:
    size_bytes = sum(output.size_bytes for output in made.outputs)
    job.ledger.add(
        StepTiming(
            title=f"snapshot of {made.package}",
            where=Where.EMULATED if made.emulated else Where.NATIVE,
            duration_s=made.duration_s,
            cpu_s=made.cpu_s,
            detail=f"{len(made.outputs)} files, {size_bytes:,} bytes; made by the build script itself",
        )
    )
