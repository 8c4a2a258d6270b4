"""Generators and product: compile for the target, snapshots made on the way, and see that they belong together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import CompileError, MemoryShortError
from pipeline.executors.choose import OF_THIS_MACHINE
from pipeline.model.build import StepTiming
from pipeline.model.cargo import Artifact, CargoMessage
from pipeline.model.events import Where
from pipeline.model.snapshot import GeneratorSetup, StepResult, StepSetup, failure_path, result_path
from pipeline.orchestrate.building.limits import within_memory
from pipeline.orchestrate.building.step import LIVE, Origin, prepare_steps, step_environment
from pipeline.orchestrate.job import Job
from pipeline.orchestrate.ledger import LedgerStep
from pipeline.rust import cargo
from pipeline.stages.building import compile as compile_stage
from pipeline.stages.building import stitch
from pipeline.workbench.lift import GeneratorBuild, Lift, check_lock, enter_generator_form, enter_product_form


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compiled:
    """What Cargo and the generators made."""

    binaries: tuple[tuple[str, Path], ...]
    """Name and path of each program of the product."""
    snapshots: tuple[StepResult, ...]
    emulated_cpu_s: float
    """Of the generators that ran in this build."""


def compile_all(job: Job, lift: Lift) -> Compiled:
    """Compile every generator, then the product, whose build runs the generators.

    Raises CompileError, GeneratorFailedError, GeneratorTimeoutError, HostVmError, StitchError, LockChangedError.
    """
    setup, lift = with_steps(job, lift, LIVE)
    return compile_product(job, lift, setup, emulated_cpu_s=compile_generators(job, lift, setup))


def with_steps(job: Job, lift: Lift, origin: Origin) -> tuple[StepSetup, Lift]:
    """Prepare the snapshot steps; return their setup, and the lift with the variable that leads stubs to it."""
    setup = prepare_steps(job, lift, origin)
    call = dataclasses.replace(lift.call, env={**lift.call.env, **step_environment(job)})
    return setup, dataclasses.replace(lift, call=call)


def compile_generators(job: Job, lift: Lift, setup: StepSetup, only: tuple[GeneratorBuild, ...] | None = None) -> float:
    """Compile every generator (or *only* some), and return CPU seconds of those that were run emulated on the way.

    Raises what `compile_all` raises.
    """
    emulated_cpu_s = 0.0
    for generator in lift.generators if only is None else only:
        enter_generator_form(lift, generator)
        title = f"compile generator of {generator.package.key.name}"
        outputs, cpu_s = _compile(job, lift, setup.generators, title, generator.goal)
        emulated_cpu_s += cpu_s
        _expect(generator, outputs.outcome)
    return emulated_cpu_s


def compile_product(job: Job, lift: Lift, setup: StepSetup, *, emulated_cpu_s: float = 0.0) -> Compiled:
    """Compile the product; its stubs run the generators, or give what was made elsewhere.

    Raises CompileError, GeneratorFailedError, GeneratorTimeoutError, HostVmError, StitchError, LockChangedError.
    """
    enter_product_form(lift)
    outputs, cpu_s = _compile(job, lift, setup.generators, "compile product", lift.product)
    check_lock(lift)
    return Compiled(
        binaries=tuple((name, executable(outputs.outcome, name)) for name in lift.product.bins),
        snapshots=_stitched(job, lift, setup, outputs.outcome),
        emulated_cpu_s=emulated_cpu_s + cpu_s,
    )


def _compile(
    job: Job, lift: Lift, generators: tuple[GeneratorSetup, ...], title: str, goal: cargo.Goal
) -> tuple[compile_stage.CompileOutputs, float]:
    """Run Cargo; snapshots that are made on the way become steps of their own."""
    _forget_failures(job.steps_dir, generators)
    before = {generator.key: _written_ns(job.steps_dir, generator) for generator in generators}
    call = within_memory(job, lift.call)
    inputs = compile_stage.CompileInputs(call=call, goal=goal, vm_package_ids=lift.vm_package_ids)
    with job.ledger.step(title) as step:
        try:
            outputs = compile_stage.run(inputs, on_message=counter(step), on_output=job.context.reporter.output)
        except (CompileError, MemoryShortError):
            stitch.raise_for_failed_generator(job.steps_dir, generators)
            raise
        ran = [item for item in generators if _written_ns(job.steps_dir, item) != before[item.key]]
        results = [result for item in ran if (result := stitch.read_result(job.steps_dir, item))]
        for result in results:
            _enter_snapshot(job, step, result)
        emulated_cpu_s = sum(result.cpu_s for result in results if result.emulated)
        here = sum(result.cpu_s for result in results if not result.replayed and result.executor in OF_THIS_MACHINE)
        step.memory(outputs.outcome.peak_memory_bytes)
        step.cpu(max(0.0, outputs.outcome.cpu_s - here))
        step.units(host=outputs.units.compiled_host, target=outputs.units.compiled_target)
        step.detail(str(outputs.units))
    return outputs, emulated_cpu_s


def counter(step: LedgerStep) -> Callable[[CargoMessage], None]:
    """Return a callback that shows how many units are done and which was the last."""
    done = 0

    def count(message: CargoMessage) -> None:
        nonlocal done
        if isinstance(message, Artifact) and not message.fresh:
            done += 1
            step.detail(f"{done} units, {message.target.name}")

    return count


def _enter_snapshot(job: Job, step: LedgerStep, result: StepResult) -> None:
    size_bytes = sum(output.size_bytes for output in result.outputs)
    detail = f"{len(result.outputs)} files, {size_bytes:,} bytes"
    if result.recalled:
        detail += f", kept from an earlier run ({result.executor} on {result.cpu_model}, {result.made_in_s or 0:.1f} s)"
    elif result.replayed:
        detail += f", made elsewhere ({result.executor} on {result.cpu_model})"
    else:
        step.apart(result.duration_s)
    if result.repeated is not None:
        same = "the same bytes as before" if not result.repeated else "other bytes than before, from the same inputs"
        detail += f"; {same}"
        if result.repeated:
            listed = "\n".join(f"  {line}" for line in result.repeated)
            job.context.reporter.note(
                f"the generator of {result.package} made other bytes of the same inputs:\n{listed}"
            )
            detail += f" ({'; '.join(result.repeated)})"
    job.ledger.add(
        StepTiming(
            title=f"snapshot of {result.package}",
            where=Where.EMULATED if result.emulated and not result.recalled else Where.NATIVE,
            duration_s=result.duration_s,
            cpu_s=result.cpu_s,
            detail=detail,
        )
    )
    for stray in result.strays:
        job.context.reporter.warn(
            f"the build script of {result.package} wrote {stray.path}, which is not in OUT_DIR;"
            " it stays in the overlay, and your sources are as they were"
        )


def _forget_failures(steps_dir: Path, generators: tuple[GeneratorSetup, ...]) -> None:
    """Remove records of runs that failed, so that an error now is not taken for theirs."""
    for generator in generators:
        failure_path(steps_dir, generator.package, generator.version).unlink(missing_ok=True)
        result = stitch.read_result(steps_dir, generator)
        if result is not None and (result.timed_out or result.exit_code != 0):
            result_path(steps_dir, generator.package, generator.version).unlink()


def _written_ns(steps_dir: Path, generator: GeneratorSetup) -> int:
    path = result_path(steps_dir, generator.package, generator.version)
    return path.stat().st_mtime_ns if path.exists() else 0


def _expect(generator: GeneratorBuild, outcome: cargo.BuildOutcome) -> None:
    made = outcome.executable(generator.binary)
    if made != generator.expected_path:
        raise CompileError(
            f"Cargo put the generator of {generator.package.key} at {made} instead of {generator.expected_path}",
            cause="a configuration file of Cargo changes where results go",
            action="take build.target-dir, build.build-dir and the like out of the configuration for this build",
        )


def executable(outcome: cargo.BuildOutcome, name: str) -> Path:
    """Return where Cargo put the program *name*; raises CompileError when it built none."""
    path = outcome.executable(name)
    if path is None:
        raise CompileError(
            f"Cargo built no program {name}",
            cause="the program has required features that are off",
            action="switch the features on, or name other programs (binaries)",
        )
    return path


def _stitched(job: Job, lift: Lift, setup: StepSetup, outcome: cargo.BuildOutcome) -> tuple[StepResult, ...]:
    used = frozenset(
        (key.name, key.version, script.out_dir)
        for script in outcome.scripts
        if (key := lift.lifted_ids.get(script.package_id)) is not None
    )
    in_product = {generator.package.key.slug for generator in lift.generators if generator.package.in_product}
    wanted = tuple(
        item for item, build in zip(setup.generators, lift.generators, strict=True)
        if build.package.key.slug in in_product
    )  # fmt: skip
    return stitch.run(
        stitch.StitchInputs(steps_dir=job.steps_dir, generators=wanted, out_dirs=used, replayed=setup.mode == "replay")
    )
