"""What an ELF file says about itself, as values."""

from __future__ import annotations

import dataclasses
from typing import Literal

from pipeline.model.target import Endianness, Target, target_of_elf

ElfType = Literal["relocatable", "executable", "shared", "core", "other"]
Relro = Literal["none", "partial", "full"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class VersionNeed:
    """The symbol versions that a file needs from one library."""

    library: str
    versions: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ElfFacts:
    """What an ELF file says about itself."""

    elf_class: Literal[32, 64]
    endianness: Endianness
    machine: int
    """``e_machine``, such as 183 for AArch64."""
    elf_type: ElfType
    flags: int
    """``e_flags``: the ABI variant on ARM, PowerPC, RISC-V, …"""
    interpreter: str | None
    """Path of the dynamic loader; None for libraries and static programs."""
    dynamic: bool
    """Whether there is a dynamic section."""
    needed: tuple[str, ...]
    soname: str | None
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    version_needs: tuple[VersionNeed, ...]
    load_alignments_bytes: tuple[int, ...]
    """Alignment of each LOAD segment; a kernel with larger pages cannot map the file."""
    executable_stack: bool
    """Whether the stack is to be executable: the segment says so, or there is no PT_GNU_STACK at all."""
    relro: Relro
    build_id: str | None
    """Hexadecimal."""

    def target(self) -> Target | None:
        """Return the target whose programs have this header, None where the table has none."""
        return target_of_elf(machine=self.machine, elf_class=self.elf_class, endianness=self.endianness)

    def newest_version(self, prefix: str) -> tuple[int, ...] | None:
        """Return the highest version needed of the set *prefix* (``GLIBC``, ``GLIBCXX``, …), None without any."""
        found = [
            numbers
            for need in self.version_needs
            for name in need.versions
            if (numbers := version_numbers(name, prefix)) is not None
        ]
        return max(found, default=None)

    def versions_after(self, prefix: str, floor: tuple[int, ...]) -> frozenset[str]:
        """Return the versions needed of the set *prefix* that are newer than *floor*."""
        names = {name for need in self.version_needs for name in need.versions}
        return frozenset(name for name in names if (version_numbers(name, prefix) or ()) > floor)


def version_numbers(name: str, prefix: str) -> tuple[int, ...] | None:
    """Return the numbers of a version such as ``GLIBC_2.30``, None for one of another set or without numbers."""
    head, _, tail = name.partition("_")
    parts = tail.split(".")
    # GLIBC_PRIVATE and the like carry no number.
    if head != prefix or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return tuple(int(part) for part in parts)
