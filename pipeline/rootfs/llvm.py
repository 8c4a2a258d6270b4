"""Clang, lld and LLVM's tools in an emulated root, as programs of this machine.

One Clang compiles for every architecture. Told the root's one, it finds the start files, headers and libraries of the
root's GCC by itself; those of its own it is told to take from the root, too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.model.target import Target

_LLVM_TOOLS = ("ar", "as", "cxxfilt", "dis", "link", "nm", "objcopy", "objdump", "ranlib", "readelf", "readobj", "size",
               "strings", "strip", "symbolizer")  # fmt: skip
_CLANGS = ("clang", "clang++", "clang-cpp")
_LLDS = ("lld", "ld.lld")
_MAJOR = re.compile(r"llvm-(\d+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeLlvm:
    """One version of LLVM in a prefix."""

    major: int
    target: Target

    @classmethod
    def found_in(cls, root: Path, target: Target) -> NativeLlvm | None:
        """Return the LLVM of the prefix *root*, None when it has none with a compiler or a linker."""
        for path in sorted((root / "usr/lib").glob("llvm-*")):
            major = _MAJOR.fullmatch(path.name)
            if major and any((path / "bin" / name).exists() for name in ("clang", "lld")):
                return cls(major=int(major[1]), target=target)
        return None

    @property
    def bin_dir(self) -> PurePosixPath:
        """Return where its programs lie, below the prefix and in the root."""
        return PurePosixPath(f"usr/lib/llvm-{self.major}/bin")

    def names(self, root: Path) -> Iterator[tuple[str, PurePosixPath]]:
        """Yield each name that one of its programs goes by, and the program below the prefix *root*."""
        groups = (_CLANGS, _LLDS, tuple(f"llvm-{name}" for name in _LLVM_TOOLS))
        for name in (name for group in groups for name in group):
            program = self.bin_dir / name
            if (root / program).exists():
                yield name, program
                yield f"{name}-{self.major}", program

    def variables(self, root: Path, name: str) -> tuple[str, ...]:
        """Return what makes a Clang take the root for its own system; options that the caller gives win."""
        if not name.startswith("clang"):
            return ()
        versions = sorted((root / f"usr/lib/llvm-{self.major}/lib/clang").iterdir())
        resources = f"/usr/lib/llvm-{self.major}/lib/clang/{versions[0].name}"
        # Options before all others (Clang's driver, "CCC_OVERRIDE_OPTIONS"); without '#' it tells of each of them.
        return (f"CCC_OVERRIDE_OPTIONS=# ^-resource-dir={resources} ^--target={self.target.clang_triple}",)
