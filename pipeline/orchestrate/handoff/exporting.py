"""The first third of a build over several machines: generators are compiled and packed, nothing is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import CompileError, StitchError, UsageError
from pipeline.model.build import BuildRequest
from pipeline.model.bundle import GENERATOR_SUFFIX, RecordedRequest
from pipeline.model.snapshot import request_path
from pipeline.orchestrate.building.compiling import compile_generators, with_steps
from pipeline.orchestrate.building.identity import identity_of
from pipeline.orchestrate.building.preparing import lifted_job
from pipeline.orchestrate.building.readable import local_sources, own_variables, package_dirs
from pipeline.orchestrate.building.step import Origin
from pipeline.orchestrate.handoff.taking import accept, require_lifting, require_one_target, step_name
from pipeline.orchestrate.job import Job
from pipeline.roots import named_directories
from pipeline.stages.building import compile as compile_stage
from pipeline.stages.building.bundle import library_dirs
from pipeline.stages.handoff import export_generator, import_snapshot
from pipeline.workbench.lift import GeneratorBuild, Lift, check_lock, enter_generator_form, enter_product_form

BUNDLE_ENDINGS = (".tar.zst", ".tar.gz", ".tar")


def export_generators(
    request: BuildRequest, context: Context, *, snapshot: Path | None = None
) -> tuple[export_generator.ExportOutputs, ...]:
    """Make the generator bundle of every target.

    ``request.out_dir`` is the directory for the bundles, or the bundle itself where it is named like one. *snapshot* is
    what an earlier bundle made; generators that are made on top of that can be compiled then.
    Raises the errors of all stages up to the compilation of generators; UnsupportedError,
    UsageError, StitchError, IntegrityError and ArchiveError for snapshots that do not fit.
    """
    require_lifting(request)
    if snapshot is not None:
        require_one_target(request)
    made = []
    for wanted in request.targets:
        with lifted_job(request, wanted, context, runs_here=False) as (job, lift):
            taken = accept(job, lift, snapshot, partial=True) if snapshot else None
            made.append(_export(job, lift, taken))
    return tuple(made)


def bundle_path(place: Path, name: str, suffix: str) -> Path:
    """Return the file that is meant by *place*: itself if it is named like a bundle, else *name* in that directory."""
    return place if place.name.endswith(BUNDLE_ENDINGS) else place / f"{name}{suffix}"


def _export(job: Job, lift: Lift, taken: import_snapshot.ImportOutputs | None) -> export_generator.ExportOutputs:
    origin = Origin(mode="record")
    if taken is not None:
        origin = Origin(mode="record", digest=taken.sha256, replay_dir=taken.directory)
    ready, pending = _now_and_later(lift, taken)
    setup, lift = with_steps(job, lift, origin)
    compile_generators(job, lift, setup, ready)
    requests = tuple(_record(job, lift, generator) for generator in ready)
    enter_product_form(lift)
    check_lock(lift)
    with job.ledger.step("pack generator") as step:
        generators = tuple(
            export_generator.ExportedGenerator(
                generator=generator.expected_path,
                request=request,
                source_dirs=(*_source_dirs(lift, generator, request), *job.request.include),
            )
            for generator, request in zip(ready, requests, strict=True)
        )
        outputs = export_generator.run(
            export_generator.ExportInputs(
                identity=identity_of(job, lift),
                target=job.target,
                generators=generators,
                sysroot=job.toolchain.sysroot,
                library_dirs=library_dirs(job.toolchain),
                dropped_env=own_variables(job),
                timeout_s=job.request.runtime.generator_timeout_s,
                destination=bundle_path(job.request.out_dir, _name(job, lift, taken), GENERATOR_SUFFIX),
                taken=_handed_on(taken),
                pending=tuple(map(step_name, pending)),
            )
        )
        step.detail(f"{outputs.files} files, {outputs.size_bytes:,} bytes")
    return outputs


def _name(job: Job, lift: Lift, taken: import_snapshot.ImportOutputs | None) -> str:
    name = f"{job.request.name or lift.analysis.product.key.name}-{job.target.name}"
    return f"{name}-{taken.request.round + 1}" if taken else name


def _handed_on(taken: import_snapshot.ImportOutputs | None) -> export_generator.TakenSnapshots | None:
    if taken is None:
        return None
    return export_generator.TakenSnapshots(directory=taken.directory, request=taken.request)


def _now_and_later(
    lift: Lift, taken: import_snapshot.ImportOutputs | None
) -> tuple[tuple[GeneratorBuild, ...], tuple[GeneratorBuild, ...]]:
    """Return the generators that can be compiled now, and those that are made on top of their snapshots."""
    names = {step_name(item): item.package.key for item in lift.generators}
    made = {names[step.name] for step in taken.request.steps} if taken else set()
    left = [item for item in lift.generators if item.package.key not in made]
    if not left:
        raise UsageError(
            "there is no generator left: every snapshot is made",
            cause="the snapshots of the last round were given",
            action="stitch them: `stitch --snapshot FILE`",
        )
    ready = tuple(item for item in left if made.issuperset(item.package.requires))
    return ready, tuple(item for item in left if item not in ready)


def _record(job: Job, lift: Lift, generator: GeneratorBuild) -> RecordedRequest:
    """Have Cargo run the stub, which writes down what it was given, and ends the build there."""
    key = generator.package.key
    path = request_path(job.steps_dir, key.name, key.version)
    if generator.package.in_product:
        goal = lift.product
        enter_product_form(lift)
    else:
        # Only another generator is made with it.
        consumer = next(item for item in lift.generators if key in item.package.requires)
        goal = consumer.goal
        enter_generator_form(lift, consumer)
    path.unlink(missing_ok=True)
    # With one script that fails, Cargo starts nothing new: this one would never be asked.
    call = dataclasses.replace(lift.call, keep_going=len(lift.generators) > 1)
    inputs = compile_stage.CompileInputs(call=call, goal=goal, vm_package_ids=lift.vm_package_ids)
    with job.ledger.step(f"record request of {key.name}"):
        try:
            compile_stage.run(inputs, on_output=job.context.reporter.output)
        except CompileError:
            if not path.is_file():
                raise
    return _read_request(path)


def _read_request(path: Path) -> RecordedRequest:
    try:
        return RecordedRequest.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StitchError(
            f"the stub did not write {path}",
            cause="Cargo took its last result for up to date, or another build used the same work directory",
            action=f"delete {path.parent} and run the same command again",
        ) from error


def _source_dirs(lift: Lift, generator: GeneratorBuild, request: RecordedRequest) -> Iterator[Path]:
    """Yield the directories whose files the generator may open: local packages, and packages that it names."""
    yield Path(request.workdir)
    yield from local_sources(lift, generator.package)
    yield from named_directories(generator.expected_path, package_dirs(lift))
