"""A cross compiler of the distribution, made to be the root's own compiler as a program of this machine.

Both are built from one source, so that they make the same code. What differs is where they look for headers, start
files and libraries: those directories are built into the programs. The names of a cross compiler's are longer than
those of the root's own compiler, and are rewritten in place; a driver that is called ``/usr/bin/gcc`` then finds
everything where the root has it.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path, PurePosixPath

from pipeline.errors import RootError

COMPILERS = ("cc1", "cc1plus")
LANGUAGES = {"gcc": ("cc", "gcc"), "g++": ("c++", "g++"), "cpp": ("cpp",)}
"""Drivers, and names without a version that they go by."""
WRAPPED_BINUTILS = ("gcc-ar", "gcc-nm", "gcc-ranlib")
_CROSS, _OWN = b"/usr/lib/gcc-cross", b"/usr/lib/gcc"
_BUILT_IN = re.compile(rb"(?<=\0)/usr/lib/gcc-cross[^\0]*(?=\0)")


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
    def arguments(self) -> tuple[str, ...]:
        """Return what makes the driver take the prefix's programs, not those beside the root's libraries."""
        return tuple(f"-B{self.prefix / directory}/" for directory in (self.programs_dir, self.binutils_dir))

    def rewritten(self) -> tuple[PurePosixPath, ...]:
        """Return the programs that have directories built in, below the prefix."""
        drivers = [f"{self.triple}-{name}-{self.major}" for name in (*LANGUAGES, *WRAPPED_BINUTILS)]
        return (*(PurePosixPath("usr/bin") / name for name in drivers), *(self.programs_dir / c for c in COMPILERS))

    def own_directory(self, built_in: bytes) -> bytes:
        """Return what the root's own compiler has in the place of a directory that is built into the cross compiler."""
        triple, major = self.triple.encode(), str(self.major).encode()
        headers = b"/../../../../" + triple + b"/include"
        head, found, tail = built_in.partition(headers)
        if not found:
            return _OWN + head.removeprefix(_CROSS)
        if not tail:
            # A native compiler looks there; a cross compiler has headers of the target in this place.
            return b"/usr/local/include"
        moved = {b"/c++/" + major + b"/" + triple: b"/" + triple + b"/c++/" + major}
        return b"/usr/include" + moved.get(tail, tail)


def set_directories(root: Path, gcc: CrossGcc) -> None:
    """Rewrite the directories that the programs in the prefix *root* have built in.

    Raises RootError where they are others than those of the versions that were tried.
    """
    for name in gcc.rewritten():
        path = root / name
        data, count = _BUILT_IN.subn(lambda found: _in_place(gcc, found[0]), path.read_bytes())
        if not count:
            raise RootError(
                f"{path.name} of the cross compiler does not look for anything in {_CROSS.decode()}",
                cause="this version of the compiler is configured in another way than those that were tried",
                action="give --no-native: the root's own compiler is emulated then; and report the package's version",
            )
        path.write_bytes(data)


def _in_place(gcc: CrossGcc, built_in: bytes) -> bytes:
    return gcc.own_directory(built_in).ljust(len(built_in), b"\0")
