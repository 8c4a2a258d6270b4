"""Packs generators with all that they need to run on a machine that has nothing of the build's."""

from __future__ import annotations

import dataclasses
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import bundles, fs, jobs
from pipeline.elf.reader import read_elf
from pipeline.errors import PackageError
from pipeline.model.bundle import (
    JOB_FILE_NAME,
    JOB_RUNNER_NAME,
    REQUEST_FILE_NAME,
    ROOT_DIR_NAME,
    RUNNER_NAME,
    STEPS_DIR_NAME,
    BundleRequest,
    GeneratorStep,
    Identity,
    RecordedRequest,
)
from pipeline.model.target import Target
from pipeline.tarball import TarMember

_MOUNT_POINTS = ("dev", "proc", "tmp")
# What Rust keeps for messages about panics: the name of a source file that nobody opens.
_RUST_SOURCE = re.compile(rb"/[0-9A-Za-z_./+-]*?\.rs")
_NAME_END = re.compile(rb"[0-9A-Za-z_.+-]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportedGenerator:
    """One generator, what it is to be run with, and the directories whose files it may open."""

    generator: Path
    request: RecordedRequest
    source_dirs: tuple[Path, ...]


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOutputs:
    """The bundle."""

    path: Path
    size_bytes: int
    sha256: str
    files: int
    libraries: tuple[str, ...]


def run(inputs: ExportInputs) -> ExportOutputs:
    """Pack the bundle.

    Raises PackageError for a library that the sysroot lacks, ArchiveError for a damaged ELF file, DiskFullError,
    NotWritableError.
    """
    steps = tuple(_step(inputs, generator) for generator in inputs.generators)
    request = BundleRequest(identity=inputs.identity, steps=steps)
    libraries = library_closure([item.generator for item in inputs.generators], inputs.library_dirs)
    members = [
        TarMember(name=REQUEST_FILE_NAME, content=f"{request.model_dump_json(indent=2)}\n".encode()),
        TarMember(name=RUNNER_NAME, content=jobs.script("run-bundle.sh").encode(), mode=0o755),
        TarMember(name=JOB_RUNNER_NAME, content=jobs.script(JOB_RUNNER_NAME).encode(), mode=0o755),
        *_root_members(inputs, libraries),
        *(
            member
            for item, step in zip(inputs.generators, steps, strict=True)
            for member in _members(inputs, item, step)
        ),
    ]
    bundles.write_bundle(inputs.destination, members)
    return ExportOutputs(
        path=inputs.destination,
        size_bytes=inputs.destination.stat().st_size,
        sha256=fs.sha256_file(inputs.destination),
        files=len(members),
        libraries=tuple(sorted(libraries)),
    )


def library_closure(programs: Iterable[Path], directories: tuple[Path, ...]) -> dict[str, Path]:
    """Return every shared library that *programs* need, the C library included, by name.

    Raises PackageError for one that is in none of the *directories*.
    """
    waiting = [(path.name, name) for path in programs for name in read_elf(path).needed]
    found: dict[str, Path] = {}
    while waiting:
        needed_by, name = waiting.pop()
        if name in found:
            continue
        path = next((directory / name for directory in directories if (directory / name).is_file()), None)
        if path is None:
            raise PackageError(
                f"{needed_by} needs the library {name}, and the sysroot has none of that name",
                cause="the package that provides it is not among the runtime's packages for the sysroot",
                action="add the package to the runtime's `v8.packages`",
            )
        found[name] = path
        waiting += [(name, needed) for needed in read_elf(path).needed]
    return found


def named_directories(program: Path, candidates: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of the *candidates* that *program* names other than for the source lines of panics.

    ``env!("CARGO_MANIFEST_DIR")`` and ``include`` paths become such names.
    """
    names: dict[bytes, dict[bytes, Path]] = {}
    for path in candidates:
        names.setdefault(os.fsencode(path.parent) + b"/", {})[os.fsencode(path.name)] = path
    with program.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(sorted({path for parent, known in names.items() for path in _named(data, parent, known)}))


def _named(data: mmap.mmap, parent: bytes, known: Mapping[bytes, Path]) -> Iterator[Path]:
    place = data.find(parent)
    while place >= 0:
        start = place + len(parent)
        word = _NAME_END.match(data, start)
        text = word[0] if word else b""
        # Strings have no end mark: what follows may be the beginning of another one.
        name = max((name for name in known if text.startswith(name)), key=len, default=None)
        if name is not None and not _RUST_SOURCE.match(data, start + len(name)):
            yield known[name]
        place = data.find(parent, start)


def _step(inputs: ExportInputs, item: ExportedGenerator) -> GeneratorStep:
    env = {name: value for name, value in item.request.env.items() if name not in inputs.dropped_env}
    return GeneratorStep(
        name=f"{item.request.package}-{item.request.version}",
        program=str(item.generator),
        generator_sha256=fs.sha256_file(item.generator),
        timeout_s=inputs.timeout_s,
        source_dirs=jobs.outermost(map(str, item.source_dirs)),
        request=item.request.model_copy(update={"env": env}),
    )


def _root_members(inputs: ExportInputs, libraries: Mapping[str, Path]) -> Iterator[TarMember]:
    yield from (TarMember(name=f"{ROOT_DIR_NAME}/{name}", content=None, mode=0o755) for name in _MOUNT_POINTS)
    (library_dir,) = jobs.root_library_dirs(inputs.target)
    for name, path in libraries.items():
        yield _root_file(Path(library_dir, name), path.resolve(), mode=0o755)
    loader = inputs.target.interpreter
    yield _root_file(Path(loader), (inputs.sysroot / loader.lstrip("/")).resolve(), mode=0o755)


def _members(inputs: ExportInputs, item: ExportedGenerator, step: GeneratorStep) -> Iterator[TarMember]:
    job = jobs.Job(
        target=inputs.target,
        program=step.program,
        env=step.request.env,
        workdir=step.request.workdir,
        out_dir=step.request.out_dir,
        source_dirs=step.source_dirs,
        timeout_s=step.timeout_s,
    )
    yield TarMember(name=f"{STEPS_DIR_NAME}/{step.name}/{JOB_FILE_NAME}", content=jobs.job_script(job).encode())
    yield _root_file(item.generator, item.generator, mode=0o755)
    for name in (step.request.workdir, step.request.out_dir):
        yield TarMember(name=f"{ROOT_DIR_NAME}{name}", content=None, mode=0o755)
    for directory in map(Path, step.source_dirs):
        for path in _files(directory):
            yield _root_file(path, path, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)


def _files(directory: Path) -> Iterator[Path]:
    """Yield every file below *directory*, links followed, but never around in a circle."""
    seen = set[str]()
    for current, names, files in os.walk(directory, followlinks=True):
        real = os.path.realpath(current)
        if real in seen or fs.SENTINEL_NAME in files or Path(current).name == ".git":
            names.clear()
            continue
        seen.add(real)
        yield from (path for path in (Path(current, name) for name in sorted(files)) if path.is_file())


def _root_file(place: Path, source: Path, *, mode: int) -> TarMember:
    return TarMember(name=f"{ROOT_DIR_NAME}{place}", content=source, mode=mode)
