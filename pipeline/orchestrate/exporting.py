"""The first third of a build over several machines: generators are compiled and packed, nothing is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import CompileError, StitchError, UnsupportedError
from pipeline.model.build import BuildRequest
from pipeline.model.bundle import GENERATOR_SUFFIX, RecordedRequest
from pipeline.model.snapshot import GeneratorSetup, request_path
from pipeline.orchestrate.compiling import compile_generators, with_steps
from pipeline.orchestrate.driver import lifted_job
from pipeline.orchestrate.identity import identity_of
from pipeline.orchestrate.job import Job
from pipeline.orchestrate.sources import local_sources, own_variables, package_dirs
from pipeline.orchestrate.step import Origin
from pipeline.roots import named_directories
from pipeline.stages import compile as compile_stage
from pipeline.stages import export_generator
from pipeline.stages.bundle import library_dirs
from pipeline.stages.lift import GeneratorBuild, Lift, check_lock, enter_product_form

BUNDLE_ENDINGS = (".tar.zst", ".tar.gz", ".tar")


def export_generators(request: BuildRequest, context: Context) -> tuple[export_generator.ExportOutputs, ...]:
    """Make the generator bundle of every target.

    ``request.out_dir`` is the directory for the bundles, or the bundle itself where it is named like one.
    Raises the errors of all stages up to the compilation of generators, UnsupportedError for snapshots that are made
    on top of others.
    """
    made = []
    for wanted in request.targets:
        with lifted_job(request, wanted, context, runs_here=False) as (job, lift):
            made.append(_export(job, lift))
    return tuple(made)


def bundle_path(place: Path, name: str, suffix: str) -> Path:
    """Return the file that is meant by *place*: itself if it is named like a bundle, else *name* in that directory."""
    return place if place.name.endswith(BUNDLE_ENDINGS) else place / f"{name}{suffix}"


def _export(job: Job, lift: Lift) -> export_generator.ExportOutputs:
    _refuse_nested(lift)
    setup, lift = with_steps(job, lift, Origin(mode="record"))
    compile_generators(job, lift, setup)
    enter_product_form(lift)
    requests = _record(job, lift, setup.generators)
    check_lock(lift)
    with job.ledger.step("pack generator") as step:
        generators = tuple(
            export_generator.ExportedGenerator(
                generator=generator.expected_path,
                request=request,
                source_dirs=(*_source_dirs(lift, generator, request), *job.request.include),
            )
            for generator, request in zip(lift.generators, requests, strict=True)
        )
        name = f"{job.request.name or lift.analysis.product.key.name}-{job.target.name}"
        outputs = export_generator.run(
            export_generator.ExportInputs(
                identity=identity_of(job, lift),
                target=job.target,
                generators=generators,
                sysroot=job.toolchain.sysroot,
                library_dirs=library_dirs(job.toolchain),
                dropped_env=own_variables(job),
                timeout_s=job.request.runtime.generator_timeout_s,
                destination=bundle_path(job.request.out_dir, name, GENERATOR_SUFFIX),
            )
        )
        step.detail(f"{outputs.files} files, {outputs.size_bytes:,} bytes")
    return outputs


def _refuse_nested(lift: Lift) -> None:
    for package in lift.analysis.lifted:
        if package.requires:
            raise UnsupportedError(
                f"the snapshot of {package.key} is made on top of that of {package.requires[0]}",
                cause="its generator cannot be compiled before the other one has run",
                action="build on one machine (`build`), with QEMU or another executor",
            )


def _record(job: Job, lift: Lift, generators: tuple[GeneratorSetup, ...]) -> tuple[RecordedRequest, ...]:
    """Have Cargo run the stubs, which write down what they were given, and end the build there."""
    paths = [request_path(job.steps_dir, item.package, item.version) for item in generators]
    for path in paths:
        path.unlink(missing_ok=True)
    # With one script that fails, Cargo starts nothing new: the others would never be asked.
    inputs = compile_stage.CompileInputs(
        call=dataclasses.replace(lift.call, keep_going=len(paths) > 1),
        goal=lift.product,
        vm_package_ids=lift.vm_package_ids,
    )
    with job.ledger.step("record requests") as step:
        try:
            compile_stage.run(inputs, on_output=job.context.reporter.output)
        except CompileError:
            if not all(path.is_file() for path in paths):
                raise
        step.detail(", ".join(item.package for item in generators))
    return tuple(map(_read_request, paths))


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
