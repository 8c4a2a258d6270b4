"""Where the files of a product lie in an image, and what its programs need there beside them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.elf.policy import describe_machine
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import ImageError
from pipeline.model.target import Target
from pipeline.roots import libraries_in, library_closure, root_library_dir, usual_library_dirs

SEARCH_DIR = "usr/bin"
"""Where the program is found by its name."""
_LOOKUP_LIBRARIES = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
"""What glibc before 2.34 loads by name when it looks up hosts and users; no program is linked with them."""
_COPYRIGHT_PACKAGES = ("libc6", "libgcc-s1", "libstdc++6")


def check_programs(tree: Path, target: Target) -> tuple[Path, ...]:
    """Return the programs and libraries in *tree*; raises ImageError for one of another architecture."""
    found = tuple(path for path in sorted(tree.rglob("*")) if is_elf(path))
    for path in found:
        facts = read_elf(path)
        if facts.target() != target:
            raise ImageError(
                f"{path.relative_to(tree)} is for {describe_machine(facts)}, and not for {target.oci_platform}",
                cause="a file was put under the name of another target",
                action=f"build for {target.name} again, into an empty directory",
            )
    return found


def product_place(runtime: str, *, files: int) -> str:
    """Return the directory, relative to the root of an image, in which a product of so many *files* lies."""
    return f"usr/lib/{runtime}" if files > 1 else SEARCH_DIR


def place_product(tree: Path, destination: Path, *, runtime: str, program: str) -> None:
    """Move the files of *tree* to where they belong below *destination*, the root of an image.

    A product of one file lies in ``/usr/bin``; one of several in ``/usr/lib/RUNTIME``, with a link to the program.
    Raises ImageError when the program is not among them.
    """
    if not (tree / program).is_file():
        raise ImageError(
            f"the product has no program {program!r}",
            cause="the build was made with another `binaries`, or for another package",
            action="build again",
        )
    search_dir = destination / SEARCH_DIR
    search_dir.mkdir(parents=True)
    if [path for path in tree.rglob("*") if path.is_file()] == [tree / program]:
        shutil.move(tree / program, search_dir / program)
        return
    own = destination / product_place(runtime, files=2)
    own.parent.mkdir(parents=True)
    shutil.move(tree, own)
    (search_dir / program).symlink_to(f"../lib/{runtime}/{program}")


def place_libc(programs: tuple[Path, ...], destination: Path, *, sysroot: Path, target: Target) -> None:
    """Copy the loader of *sysroot* and the libraries that *programs* need to *destination*, the root of an image.

    They lie where the loader looks by itself, a directory of the target's own, so that no other C library is in the
    way. Raises PackageError for a library that is not in the sysroot.
    """
    directories = usual_library_dirs(sysroot, target)
    wanted = dict(library_closure(programs, directories, libraries_in(programs)))
    wanted |= _lookup_libraries(directories)
    loader = target.interpreter.lstrip("/")
    wanted.pop(Path(loader).name, None)
    _copy(sysroot / loader, destination / loader, mode=0o755)
    for name, path in sorted(wanted.items()):
        _copy(path, destination / root_library_dir(target).lstrip("/") / name, mode=0o755)
    for package in _COPYRIGHT_PACKAGES:
        text = sysroot / "usr/share/doc" / package / "copyright"
        if text.is_file():
            _copy(text, destination / "usr/share/doc" / package / "copyright", mode=0o644)


def _lookup_libraries(directories: tuple[Path, ...]) -> Mapping[str, Path]:
    found = {}
    for name in _LOOKUP_LIBRARIES:
        path = next((directory / name for directory in directories if (directory / name).is_file()), None)
        if path:
            found[name] = path
    return found


def _copy(source: Path, destination: Path, *, mode: int) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(mode)
