"""The parts of an ELF file that a loader goes by.

Struct layouts come from pyelftools; walking is done here, because every count, size and offset of a hostile file
needs a limit. Formats: System V ABI, chapters 4 and 5
(https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html).
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from typing import IO, Any, Literal

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.structs import ELFStructs

from pipeline.model.target import Endianness

MAGIC = b"\x7fELF"
PT_LOAD, PT_DYNAMIC = 1, 2

_MAX_SEGMENTS = 1024
_MAX_DYNAMIC_BYTES = 1024 * 1024
MAX_STRING_BYTES = 4096
_MAX_STRINGS = 16384
"""Over the whole file; with MAX_STRING_BYTES this bounds memory."""

_DT_NULL, _DT_STRTAB = 0, 5


class DamagedError(Exception):
    """The file contradicts itself or goes beyond a limit."""


READ_ERRORS = (DamagedError, ELFError, ConstructError, struct.error, ValueError, OverflowError, OSError)
"""What reading a damaged file may raise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segment:
    """A program header."""

    kind: int
    flags: int
    offset: int
    address: int
    size_bytes: int
    alignment_bytes: int


class ElfImage:
    """Header, segments and dynamic section of one file; every read has a limit."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Read what is common to all ELF files; raises one of READ_ERRORS."""
        self._stream = stream
        self._strings_left = _MAX_STRINGS
        self._file_size = stream.seek(0, 2)
        ident = self.read(0, 16)
        if ident[:4] != MAGIC:
            raise DamagedError("it does not begin with the ELF magic")
        if ident[4] not in {1, 2} or ident[5] not in {1, 2}:
            raise DamagedError(f"class {ident[4]} and data encoding {ident[5]} are not both 1 or 2")
        self.elf_class: Literal[32, 64] = 64 if ident[4] == 2 else 32
        self.endianness: Endianness = "little" if ident[5] == 1 else "big"
        self.structs = ELFStructs(little_endian=ident[5] == 1, elfclass=self.elf_class)
        # e_type and e_machine come as numbers, whatever names the library has for them.
        self.type_number, self.machine = struct.unpack(f"{self.order}HH", self.read(16, 4))
        self.structs.create_basic_structs()
        self.structs.create_advanced_structs(None, "EM_NONE", None)
        self.header = self.parse(self.structs.Elf_Ehdr, 0)
        self.segments = tuple(self._read_segments())
        self.dynamic = self._read_dynamic()

    @property
    def order(self) -> str:
        """Return the byte order as ``struct`` has it."""
        return "<" if self.endianness == "little" else ">"

    def read(self, offset: int, size: int) -> bytes:
        """Return *size* bytes at *offset*; raises DamagedError when they are not all there."""
        if offset < 0 or size < 0 or offset + size > self._file_size:
            raise DamagedError(f"{size} bytes at offset {offset} lie outside the file's {self._file_size}")
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) != size:
            raise DamagedError(f"the file ends inside the {size} bytes at offset {offset}")
        return data

    def parse(self, layout: Any, offset: int) -> Any:  # noqa: ANN401 - the library is untyped
        """Return the record at *offset*."""
        return layout.parse(self.read(offset, layout.sizeof()))

    def _read_segments(self) -> Iterator[Segment]:
        count, entry_size = self.header["e_phnum"], self.header["e_phentsize"]
        if count > _MAX_SEGMENTS:
            raise DamagedError(f"{count} segments are more than {_MAX_SEGMENTS}")
        wide = self.elf_class == 64
        layout = f"{self.order}{'IIQQQQQQ' if wide else 'IIIIIIII'}"
        if count and entry_size != struct.calcsize(layout):
            raise DamagedError(f"segment headers of {entry_size} bytes")
        for index in range(count):
            raw = struct.unpack(layout, self.read(self.header["e_phoff"] + index * entry_size, entry_size))
            # p_flags stands second in 64-bit files and seventh in 32-bit ones.
            kind, flags, offset, address = raw[:4] if wide else (raw[0], raw[6], raw[1], raw[2])
            yield Segment(
                kind=kind,
                flags=flags,
                offset=offset,
                address=address,
                size_bytes=raw[5] if wide else raw[4],
                alignment_bytes=raw[7],
            )

    def _read_dynamic(self) -> tuple[tuple[int, int], ...]:
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC and segment.size_bytes:
                if segment.size_bytes > _MAX_DYNAMIC_BYTES:
                    raise DamagedError(f"a dynamic section of {segment.size_bytes} bytes")
                return tuple(self._dynamic_entries(self.read(segment.offset, segment.size_bytes)))
        return ()

    def _dynamic_entries(self, data: bytes) -> Iterator[tuple[int, int]]:
        layout = struct.Struct(f"{self.order}{'QQ' if self.elf_class == 64 else 'II'}")
        for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
            if tag == _DT_NULL:
                return
            yield tag, value

    def values(self, tag: int) -> tuple[int, ...]:
        """Return the values of a tag of the dynamic section."""
        return tuple(value for found, value in self.dynamic if found == tag)

    def file_offset(self, address: int) -> int:
        """Return where in the file an address is loaded from; raises DamagedError when nowhere."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size_bytes:
                return segment.offset + address - segment.address
        raise DamagedError(f"address {address:#x} is in no LOAD segment")

    def strings(self, tag: int) -> tuple[str, ...]:
        """Return the strings that the values of a tag mean."""
        return tuple(self.string(value) for value in self.values(tag))

    def string(self, index: int) -> str:
        """Return a string of the dynamic string table; raises DamagedError, also when it is one too many."""
        self._strings_left -= 1
        if self._strings_left < 0:
            raise DamagedError(f"it names more than {_MAX_STRINGS} strings")
        table = self.values(_DT_STRTAB)
        if not table:
            raise DamagedError("the dynamic section names no string table")
        offset = self.file_offset(table[0]) + index
        if not 0 <= offset < self._file_size:
            raise DamagedError(f"string {index} lies outside the file")
        window = self.read(offset, min(MAX_STRING_BYTES, self._file_size - offset))
        text, ending, _ = window.partition(b"\0")
        if not ending:
            raise DamagedError(f"string {index} does not end within {MAX_STRING_BYTES} bytes")
        return as_text(text)


def as_text(raw: bytes) -> str:
    """Return a name that should be UTF-8 and need not be."""
    return raw.decode("utf-8", errors="backslashreplace")
