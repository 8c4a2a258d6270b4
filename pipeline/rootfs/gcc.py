"""A cross compiler of the distribution, made to be the root's own compiler as a program of this machine.

Both are built from one source, so that they make the same code. What differs is where they look: the driver takes
GCC_EXEC_PREFIX as the place of libraries and start files (gcc(1), *Environment Variables*), the compilers proper have
directories of headers built in. Those of a cross compiler are longer than the root's, and are rewritten in place.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath

from pipeline.errors import RootError

COMPILERS = ("cc1", "cc1plus")
LANGUAGES = {"gcc": ("cc", "gcc"), "g++": ("c++", "g++"), "cpp": ("cpp",)}
"""Drivers, and names without a version that they go by."""
WRAPPED_BINUTILS = ("gcc-ar", "gcc-nm", "gcc-ranlib")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossGcc:
    """A cross compiler in a prefix."""

    triple: str
    major: int
    prefix: PurePosixPath
    """Where the prefix will lie."""

    @property
    def programs_dir(self) -> PurePosixPath:
        """Return where the compilers proper are, below the prefix."""
        return PurePosixPath("usr/lib/gcc-cross") / self.triple / str(self.major)

    @property
    def binutils_dir(self) -> PurePosixPath:
        """Return where the assembler and the linker are under short names, below the prefix."""
        return PurePosixPath("usr") / self.triple / "bin"

    @property
    def variables(self) -> tuple[str, ...]:
        """Return what makes the driver take the root's start files and libraries."""
        return ("GCC_EXEC_PREFIX=/usr/lib/gcc/",)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return what makes the driver take the prefix's programs, not those beside the root's libraries."""
        return tuple(f"-B{self.prefix / directory}/" for directory in (self.programs_dir, self.binutils_dir))

    def directories(self) -> dict[str, str]:
        """Return the built-in directories to be replaced, and what the root's own compiler has there.

        Those that begin with the compiler's own directory are moved with GCC_EXEC_PREFIX.
        """
        own = f"/{self.programs_dir}/../../../.."
        cross, major = f"{own}/{self.triple}/include", self.major
        return {
            f"{cross}/c++/{major}/{self.triple}": f"{own}/include/{self.triple}/c++/{major}",
            f"{cross}/c++/{major}/backward": f"{own}/include/c++/{major}/backward",
            f"{cross}/c++/{major}": f"{own}/include/c++/{major}",
            # A native compiler looks there; a cross compiler has headers of the target in this place.
            cross: "/usr/local/include",
        }


def set_directories(root: Path, gcc: CrossGcc) -> None:
    """Rewrite the directories that the compilers in the prefix *root* have built in; raises RootError."""
    for name in COMPILERS:
        path = root / gcc.programs_dir / name
        data = path.read_bytes()
        for old, new in gcc.directories().items():
            data = _replaced(data, old, new, path)
        path.write_bytes(data)


def _replaced(data: bytes, old: str, new: str, path: Path) -> bytes:
    before, after = b"\0" + old.encode() + b"\0", b"\0" + new.encode() + b"\0"
    if data.count(before) != 1:
        raise RootError(
            f"{path.name} of the cross compiler does not look for headers in {old}",
            cause="this version of the compiler is configured in another way than those that were tried",
            action="give --no-native: the root's own compiler is emulated then; and report the package's version",
        )
    return data.replace(before, after.ljust(len(before), b"\0"))
