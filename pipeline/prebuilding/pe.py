"""What a Windows program or library says about itself: for which CPU it is, and what it wants of others.

*PE Format* (https://learn.microsoft.com/windows/win32/debug/pe-format): header, optional header, import table, delay
import table. Node's addons import Node's functions late, by the latter.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ArchiveError

MAGIC = b"MZ"
_ARCHES = {0x8664: "x64", 0xAA64: "arm64", 0x14C: "ia32"}
_PE32_PLUS = 0x20B
_IMPORTS, _DELAY_IMPORTS = 1, 13
_MAX_FILE_BYTES, _MAX_NAMES, _MAX_LIBRARIES = 1024**3, 65_536, 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeFacts:
    """What the file says."""

    arch: str | None
    """As Node has it."""
    wanted: frozenset[str]
    """Functions that others must have."""


def read_pe(path: Path) -> PeFacts:
    """Return the facts of the PE file *path*; raises ArchiveError when it is damaged."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ValueError("it is too large")
        return _Image(path.read_bytes()).facts()
    except (struct.error, ValueError, IndexError) as error:
        raise ArchiveError(
            f"{path} is no program or library for Windows that can be read: {error}",
            cause="it is cut, or damaged",
            action="look what it is with `file`, and transfer or build it again",
        ) from error


class _Image:
    def __init__(self, content: bytes) -> None:
        (start,) = struct.unpack_from("<I", content, 0x3C)
        if content[start : start + 4] != b"PE\0\0":
            raise ValueError("it has no PE header")
        self.content = content
        self.machine, sections, optional_bytes = struct.unpack_from("<HH12xH", content, start + 4)
        optional = start + 24
        (kind,) = struct.unpack_from("<H", content, optional)
        self.is_wide = kind == _PE32_PLUS
        self.directories = optional + (112 if self.is_wide else 96)
        self.sections = [
            struct.unpack_from("<4I", content, optional + optional_bytes + 40 * number + 8)
            for number in range(sections)
        ]

    def facts(self) -> PeFacts:
        # Where names lie in an entry of each table, and how long the entry is.
        wanted = {*self._imported(_IMPORTS, names=0, size=20), *self._imported(_DELAY_IMPORTS, names=16, size=32)}
        return PeFacts(arch=_ARCHES.get(self.machine), wanted=frozenset(wanted))

    def _imported(self, directory: int, *, names: int, size: int) -> Iterator[str]:
        (address,) = struct.unpack_from("<I", self.content, self.directories + 8 * directory)
        if not address:
            return
        place = self._offset(address)
        for number in range(_MAX_LIBRARIES):
            entry = self.content[place + size * number : place + size * (number + 1)]
            if not any(entry):
                return
            (table,) = struct.unpack_from("<I", entry, names)
            if table:
                yield from self._names(self._offset(table))

    def _names(self, place: int) -> Iterator[str]:
        layout, by_number = ("<Q", 1 << 63) if self.is_wide else ("<I", 1 << 31)
        for number in range(_MAX_NAMES):
            (entry,) = struct.unpack_from(layout, self.content, place + struct.calcsize(layout) * number)
            if not entry:
                return
            if not entry & by_number:
                start = self._offset(entry) + 2
                yield self.content[start : self.content.index(b"\0", start)].decode(errors="replace")

    def _offset(self, address: int) -> int:
        for size, start, in_file, offset in self.sections:
            if start <= address < start + max(size, in_file):
                return int(offset + address - start)
        raise ValueError("an address in it leads out of it")
