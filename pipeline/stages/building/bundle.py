"""Lay out the product so that it runs on a plain system: its libraries beside it, found relative to the program.

A program that needs the C library only stays byte for byte as it is. Otherwise every library of the closure that is
not the C library's own is copied into ``lib/``, and RUNPATHs relative to ``$ORIGIN`` (ld.so(8)) make the loader
find them there.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.elf.policy import is_base_library
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import PackageError
from pipeline.model.target import Target
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc

LIBRARY_DIR = "lib"
LICENSE_DIR = "licenses"

_NOT_SHIPPED_SUFFIXES = ("-dev", "-dbg", "-dbgsym", "-doc", "-bin", "-common")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProductFile:
    """A file of the product: a program or a library (ELF), or any other file."""

    source: Path
    name: str
    """Path inside the product, with forward slashes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleInputs:
    """What the product is made of and where it is laid out."""

    files: tuple[ProductFile, ...]
    toolchain: Toolchain
    product_dir: Path
    """Replaced as a whole."""
    strip: bool = False
    """Leave out symbols and debug information."""
    bundle: bool = True
    """Put libraries beside the program; else the product needs them on the user's system."""
    assumed_libraries: frozenset[str] = frozenset()
    """Names of libraries that every user of the product is known to have."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundledLibrary:
    """A library that travels with the product."""

    name: str
    source: Path
    needed_by: str
    package: str | None = None
    """Package of the sysroot that it comes from; None where the sysroot does not tell."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProductTree:
    """The product, laid out."""

    product_dir: Path
    files: tuple[str, ...]
    """Paths inside the product, sorted."""
    libraries: tuple[BundledLibrary, ...]
    license_packages: tuple[str, ...]
    """Packages whose copyright files travel with the libraries."""


def run(inputs: BundleInputs, context: Context) -> ProductTree:
    """Lay the product out in ``inputs.product_dir``.

    Raises PackageError for a library that the sysroot lacks, ArchiveError for a damaged ELF file,
    ProcessFailedError when a tool fails.
    """
    libraries = _with_owners(inputs, _closure(inputs)) if inputs.bundle else ()
    with fs.atomic_directory(inputs.product_dir) as staging:
        for file in inputs.files:
            _place_file(inputs, context, file, staging / file.name)
        for library in libraries:
            _copy(library.source, staging / LIBRARY_DIR / library.name, mode=0o644)
        if libraries:
            _set_search_paths(inputs, context, staging, libraries)
        packages = _place_licenses(inputs, staging, libraries) if libraries else ()
        if libraries and not packages:
            context.reporter.warn("the sysroot holds no copyright files for the libraries that are bundled")
    files = tuple(sorted(path.relative_to(inputs.product_dir).as_posix() for path in tree_files(inputs.product_dir)))
    return ProductTree(product_dir=inputs.product_dir, files=files, libraries=libraries, license_packages=packages)


def tree_files(product_dir: Path) -> Iterator[Path]:
    """Yield the regular files of a product, without the mark of directories that may be deleted."""
    for path in product_dir.rglob("*"):
        if path.is_file() and path != product_dir / fs.SENTINEL_NAME:
            yield path


def library_dirs(toolchain: Toolchain) -> tuple[Path, ...]:
    """Return the directories of the sysroot in which its loader looks, as ld.so(8) orders them."""
    root, triple = toolchain.sysroot, toolchain.target.gnu_triple
    configured = [
        line.strip()
        for file in sorted((root / "etc/ld.so.conf.d").glob("*.conf"))
        for line in file.read_text(errors="replace").splitlines()
        if line.strip().startswith("/")
    ]
    usual = [f"lib/{triple}", f"usr/lib/{triple}", "lib64", "usr/lib64", "lib", "usr/lib"]
    relative = [name.lstrip("/") for name in configured] + usual
    return tuple(root / name for name in dict.fromkeys(relative) if (root / name).is_dir())


def find_library(name: str, toolchain: Toolchain) -> Path | None:
    """Return the library that a program of the target finds by *name* in the sysroot, None when there is none."""
    root = toolchain.sysroot.resolve()
    for directory in library_dirs(toolchain) if "/" not in name else ():
        path = (directory / name).resolve()
        # A link that leaves the sysroot would bring a library of the build machine.
        if path.is_relative_to(root) and is_elf(path) and read_elf(path).target() == toolchain.target:
            return path
    return None


def _closure(inputs: BundleInputs) -> tuple[BundledLibrary, ...]:
    """Return every library that the product needs beside the C library, nearest first."""
    own = {Path(file.name).name for file in inputs.files}
    waiting = [(file.name, read_elf(file.source)) for file in inputs.files if is_elf(file.source)]
    found: dict[str, BundledLibrary] = {}
    while waiting:
        needed_by, facts = waiting.pop(0)
        for name in facts.needed:
            if name in found or name in own or not _travels(name, inputs):
                continue
            source = find_library(name, inputs.toolchain)
            if source is None:
                raise _no_library(name, needed_by, inputs.toolchain.target)
            found[name] = BundledLibrary(name=name, source=source, needed_by=needed_by)
            waiting.append((name, read_elf(source)))
    return tuple(found.values())


def _travels(name: str, inputs: BundleInputs) -> bool:
    return not is_base_library(name, inputs.toolchain.target) and name not in inputs.assumed_libraries


def _no_library(name: str, needed_by: str, target: Target) -> PackageError:
    return PackageError(
        f"{needed_by} needs the library {name}, and the {target.name} sysroot has none of that name",
        cause="the package that provides it is not among the runtime's packages for the sysroot",
        action="add the package to the runtime's `v8.packages`, or name the library as one that users have "
        "(`assumed-libraries`)",
    )


def _place_file(inputs: BundleInputs, context: Context, file: ProductFile, destination: Path) -> None:
    executable = is_elf(file.source) or bool(file.source.stat().st_mode & 0o100)
    _copy(file.source, destination, mode=0o755 if executable else 0o644)
    if inputs.strip and is_elf(file.source):
        _run_tool(context, inputs.toolchain.strip, "--strip-all", destination)


def _copy(source: Path, destination: Path, *, mode: int) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(mode)


def _set_search_paths(
    inputs: BundleInputs, context: Context, staging: Path, libraries: tuple[BundledLibrary, ...]
) -> None:
    bundled = {library.name for library in libraries}
    for path in tree_files(staging):
        # A file that needs none of the libraries stays as it is.
        if is_elf(path) and bundled & set(read_elf(path).needed):
            depth = len(path.relative_to(staging).parts) - 1
            in_library_dir = path.parent == staging / LIBRARY_DIR
            place = "" if in_library_dir else "/" + "../" * depth + LIBRARY_DIR
            _run_tool(context, inputs.toolchain.patchelf, "--set-rpath", f"$ORIGIN{place}", path)


def _run_tool(context: Context, program: Path, *arguments: str | Path) -> None:
    env = proc.base_environment(context.environ)
    proc.check(proc.Command(argv=(str(program), *map(str, arguments)), env=env))


def _place_licenses(inputs: BundleInputs, staging: Path, libraries: tuple[BundledLibrary, ...]) -> tuple[str, ...]:
    """Copy the copyright files of the libraries' packages; a binary redistribution must carry them."""
    root = inputs.toolchain.sysroot
    owners = {library.package for library in libraries if library.package}
    documented = {path.parent.name: path for path in sorted((root / "usr/share/doc").glob("*/copyright"))}
    if not all(library.package for library in libraries):  # then every package may be one
        owners = {name for name in documented if not name.endswith(_NOT_SHIPPED_SUFFIXES)}
    packages = sorted(owners & set(documented))
    for package in packages:
        _copy(documented[package], staging / LICENSE_DIR / package / "copyright", mode=0o644)
    return tuple(packages)


def _with_owners(inputs: BundleInputs, libraries: tuple[BundledLibrary, ...]) -> tuple[BundledLibrary, ...]:
    """Return the libraries with their packages, as dpkg's file lists have it (dpkg-query(1), --listfiles)."""
    root = inputs.toolchain.sysroot
    places = {library: _unmerged(library.source.relative_to(root.resolve()).as_posix()) for library in libraries}
    wanted = set(places.values())
    owners: dict[str, str] = {}
    for file in sorted((root / "var/lib/dpkg/info").glob("*.list")):
        listed = wanted & {_unmerged(line) for line in file.read_text(errors="replace").splitlines()}
        owners |= dict.fromkeys(listed - set(owners), file.stem.partition(":")[0])
    return tuple(dataclasses.replace(library, package=owners.get(place)) for library, place in places.items())


def _unmerged(path: str) -> str:
    """Return a path without ``/usr``: the same file may be listed with and without it."""
    return path.lstrip("./").removeprefix("usr/")
