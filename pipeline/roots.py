"""What a target program has to find on a machine that has nothing of the build's: a root directory of its own.

The program, its loader, every shared library that it needs and the files that it opens lie there at the very paths
that it knows.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import PackageError
from pipeline.model.bundle import ROOT_DIR_NAME
from pipeline.model.target import Target
from pipeline.packing.tarball import TarMember

_MOUNT_POINTS = ("dev", "proc", "tmp")
# What Rust keeps for messages about panics: the name of a source file that nobody opens.
_RUST_SOURCE = re.compile(rb"/[0-9A-Za-z_./+-]*?\.rs")
_NAME_END = re.compile(rb"[0-9A-Za-z_.+-]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Root:
    """What lies in the root directory of one or more programs."""

    target: Target
    programs: tuple[Path, ...]
    sysroot: Path
    """Where the target's loader lies."""
    libraries: Mapping[str, Path]
    """Shared libraries by their names."""
    directories: tuple[Path, ...] = ()
    """Directories that are there, whatever they hold."""
    sources: tuple[Path, ...] = ()
    """Files, and directories with all that is in them."""


def root_library_dir(target: Target) -> str:
    """Return where the libraries lie in a root: the loader looks there by itself (ld.so(8))."""
    return f"/lib/{target.gnu_triple}"


def usual_library_dirs(sysroot: Path, target: Target) -> tuple[Path, ...]:
    """Return the directories in which the loader of *sysroot* looks by itself."""
    names = (f"usr/lib/{target.gnu_triple}", f"lib/{target.gnu_triple}", "usr/lib", "lib")
    return tuple(sysroot / name for name in names if (sysroot / name).is_dir())


def root_members(root: Root) -> Iterator[TarMember]:
    """Yield all of a root as members of a tar file."""
    yield from (TarMember(name=f"{ROOT_DIR_NAME}/{name}", content=None, mode=0o755) for name in _MOUNT_POINTS)
    for name, path in root.libraries.items():
        yield _member(Path(root_library_dir(root.target), name), path.resolve(), mode=0o755)
    loader = root.target.interpreter
    yield _member(Path(loader), (root.sysroot / loader.lstrip("/")).resolve(), mode=0o755)
    for program in root.programs:
        yield _member(program, program, mode=0o755)
    for directory in root.directories:
        yield TarMember(name=f"{ROOT_DIR_NAME}{directory}", content=None, mode=0o755)
    for source in root.sources:
        for path in _files(source):
            yield _member(path, path, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)


def library_closure(
    programs: Iterable[Path], directories: tuple[Path, ...], own: Mapping[str, Path] | None = None
) -> dict[str, Path]:
    """Return every shared library that *programs* need, the C library included, by name; *own* are there already.

    Raises PackageError for one that is in none of the *directories*, ArchiveError for a damaged ELF file.
    """
    beside = own or {}
    waiting = [(path.name, name) for path in programs for name in read_elf(path).needed]
    found: dict[str, Path] = {}
    while waiting:
        needed_by, name = waiting.pop()
        if name in found:
            continue
        path = beside.get(name) or next(
            (directory / name for directory in directories if (directory / name).is_file()), None
        )
        if path is None:
            raise PackageError(
                f"{needed_by} needs the library {name}, and the sysroot has none of that name",
                cause="the package that provides it is not among the runtime's packages for the sysroot",
                action="add the package to the runtime's `v8.packages`",
            )
        found[name] = path
        waiting += [(name, needed) for needed in read_elf(path).needed]
    return {name: path for name, path in found.items() if name not in beside}


def libraries_in(sources: Iterable[Path]) -> dict[str, Path]:
    """Return the shared libraries among *sources* (files and directories) by name."""
    return {path.name: path for source in sources for path in _files(source) if ".so" in path.name and is_elf(path)}


def named_directories(program: Path, candidates: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of the *candidates* that *program* names other than for the source lines of panics.

    ``env!("CARGO_MANIFEST_DIR")`` and ``include`` paths become such names.
    """
    names: dict[bytes, dict[bytes, Path]] = {}
    for path in candidates:
        names.setdefault(os.fsencode(path.parent) + b"/", {})[os.fsencode(path.name)] = path
    with program.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(sorted({path for parent, known in names.items() for path in _named(data, parent, known)}))


def outermost(directories: Iterable[str]) -> tuple[str, ...]:
    """Return *directories* without those that lie in others, sorted."""
    kept: list[str] = []
    for directory in sorted(set(directories)):
        if not any(Path(directory).is_relative_to(other) for other in kept):
            kept.append(directory)
    return tuple(kept)


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


def _files(source: Path) -> Iterator[Path]:
    """Yield *source*, or every file below it, links followed, but never around in a circle."""
    if source.is_file():
        yield source
    seen = set[str]()
    for current, names, files in os.walk(source, followlinks=True):
        real = os.path.realpath(current)
        if real in seen or fs.SENTINEL_NAME in files or Path(current).name == ".git":
            names.clear()
            continue
        seen.add(real)
        yield from (path for path in (Path(current, name) for name in sorted(files)) if path.is_file())


def _member(place: Path, source: Path, *, mode: int) -> TarMember:
    return TarMember(name=f"{ROOT_DIR_NAME}{place}", content=source, mode=mode)
