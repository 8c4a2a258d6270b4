"""Packs generators with all that they need to run on a machine that has nothing of the build's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.executors import jobs
from pipeline.model.bundle import (
    JOB_FILE_NAME,
    JOB_RUNNER_NAME,
    REQUEST_FILE_NAME,
    RUNNER_NAME,
    STEPS_DIR_NAME,
    BundleRequest,
    GeneratorStep,
    Identity,
    RecordedRequest,
)
from pipeline.model.target import Target
from pipeline.packing.tarball import TarMember
from pipeline.roots import Root, library_closure, outermost, root_members
from pipeline.snapshots import bundles


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportedGenerator:
    """One generator, what it is to be run with, and the directories whose files it may open."""

    generator: Path
    request: RecordedRequest
    source_dirs: tuple[Path, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TakenSnapshots:
    """Snapshots that are handed on, as they were unpacked and checked."""

    directory: Path
    request: BundleRequest


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportInputs:
    """The generators of a build and where their libraries are."""

    identity: Identity
    target: Target
    generators: tuple[ExportedGenerator, ...]
    sysroot: Path
    library_dirs: tuple[Path, ...]
    """Directories of the sysroot with shared libraries, in the loader's order."""
    dropped_env: frozenset[str]
    """Variables of this machine's own, which do not travel."""
    timeout_s: float
    destination: Path
    taken: TakenSnapshots | None = None
    """What earlier rounds made."""
    pending: tuple[str, ...] = ()
    """``<package>-<version>`` of generators that can be compiled in the next round only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOutputs:
    """The bundle."""

    path: Path
    size_bytes: int
    sha256: str
    files: int
    libraries: tuple[str, ...]
    request: BundleRequest


def run(inputs: ExportInputs) -> ExportOutputs:
    """Pack the bundle.

    Raises PackageError for a library that the sysroot lacks, ArchiveError for a damaged ELF file, DiskFullError,
    NotWritableError.
    """
    steps = tuple(_step(inputs, generator) for generator in inputs.generators)
    request = _request(inputs, steps)
    libraries = library_closure([item.generator for item in inputs.generators], inputs.library_dirs)
    members = [
        TarMember(name=REQUEST_FILE_NAME, content=f"{request.model_dump_json(indent=2)}\n".encode()),
        TarMember(name=RUNNER_NAME, content=jobs.script("run-bundle.sh").encode(), mode=0o755),
        TarMember(name=JOB_RUNNER_NAME, content=jobs.script(JOB_RUNNER_NAME).encode(), mode=0o755),
        *root_members(_root(inputs, steps, libraries)),
        *(_job_member(inputs, step) for step in steps),
        *(_made_members(inputs.taken) if inputs.taken else ()),
    ]
    bundles.write_bundle(inputs.destination, members)
    return ExportOutputs(
        path=inputs.destination,
        size_bytes=inputs.destination.stat().st_size,
        sha256=fs.sha256_file(inputs.destination),
        files=len(members),
        libraries=tuple(sorted(libraries)),
        request=request,
    )


def _request(inputs: ExportInputs, steps: tuple[GeneratorStep, ...]) -> BundleRequest:
    if inputs.taken is None:
        return BundleRequest(identity=inputs.identity, steps=steps, pending=inputs.pending)
    earlier = inputs.taken.request
    return BundleRequest(
        identity=inputs.identity,
        round=earlier.round + 1,
        steps=(*earlier.steps, *steps),
        made=tuple(step.name for step in earlier.steps),
        pending=inputs.pending,
    )


def _made_members(taken: TakenSnapshots) -> Iterator[TarMember]:
    for path in sorted((taken.directory / STEPS_DIR_NAME).rglob("*")):
        content = None if path.is_dir() else path
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        yield TarMember(name=path.relative_to(taken.directory).as_posix(), content=content, mode=mode)


def _step(inputs: ExportInputs, item: ExportedGenerator) -> GeneratorStep:
    env = {name: value for name, value in item.request.env.items() if name not in inputs.dropped_env}
    return GeneratorStep(
        name=f"{item.request.package}-{item.request.version}",
        program=str(item.generator),
        generator_sha256=fs.sha256_file(item.generator),
        timeout_s=inputs.timeout_s,
        source_dirs=outermost(map(str, item.source_dirs)),
        request=item.request.model_copy(update={"env": env}),
    )


def _root(inputs: ExportInputs, steps: tuple[GeneratorStep, ...], libraries: Mapping[str, Path]) -> Root:
    return Root(
        target=inputs.target,
        programs=tuple(item.generator for item in inputs.generators),
        sysroot=inputs.sysroot,
        libraries=libraries,
        directories=tuple(Path(name) for step in steps for name in (step.request.workdir, step.request.out_dir)),
        sources=tuple(Path(name) for step in steps for name in step.source_dirs),
    )


def _job_member(inputs: ExportInputs, step: GeneratorStep) -> TarMember:
    job = jobs.Job(
        target=inputs.target,
        program=step.program,
        env={**step.request.env, "OUT_DIR": step.request.out_dir},
        workdir=step.request.workdir,
        out_dir=step.request.out_dir,
        source_dirs=step.source_dirs,
        timeout_s=step.timeout_s,
    )
    return TarMember(name=f"{STEPS_DIR_NAME}/{step.name}/{JOB_FILE_NAME}", content=jobs.job_script(job).encode())
