"""Reads what an ELF file says about itself, without executing it or reading it whole.

Struct layouts come from pyelftools; walking is done here, because every count, size and offset of a hostile file
needs a limit. Formats: System V ABI, chapters 4 and 5 (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html);
version needs and PT_GNU_*: Linux Standard Base Core 5.0, chapters 10 and 12.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.structs import ELFStructs

from pipeline.elf.facts import ElfFacts, ElfType, Relro, VersionNeed
from pipeline.errors import ArchiveError
from pipeline.model.target import Endianness

MAGIC = b"\x7fELF"

_MAX_SEGMENTS = 1024
_MAX_DYNAMIC_BYTES = 1024 * 1024
_MAX_STRING_BYTES = 4096
_MAX_VERSION_RECORDS = 4096
_MAX_STRINGS = 16384
"""Over the whole file; with _MAX_STRING_BYTES this bounds memory."""
_MAX_NOTE_BYTES = 64 * 1024
_MAX_NOTE_SEGMENTS = 16

_TYPES: dict[int, ElfType] = {1: "relocatable", 2: "executable", 3: "shared", 4: "core"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE = 1, 2, 3, 4
_PT_GNU_STACK, _PT_GNU_RELRO = 0x6474E551, 0x6474E552
_PF_X = 1
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 14, 15, 29
_DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 24, 30, 0x6FFFFFFB
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_DF_BIND_NOW, _DF_1_NOW = 8, 1
_NT_GNU_BUILD_ID = 3


def is_elf(path: Path) -> bool:
    """Return whether *path* is a regular file that begins as ELF files do."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def read_elf(path: Path) -> ElfFacts:
    """Return the facts of the ELF file *path*.

    Raises ArchiveError when it is not ELF, or damaged.
    """
    with path.open("rb") as stream:
        return read_elf_stream(stream, name=str(path))


def read_elf_stream(stream: IO[bytes], *, name: str) -> ElfFacts:
    """Return the facts of the ELF file in the seekable *stream*; *name* is for messages.

    Raises ArchiveError when it is not ELF, or damaged.
    """
    try:
        return _Reader(stream).facts()
    except (_DamagedError, ELFError, ConstructError, struct.error, ValueError, OverflowError, OSError) as error:
        raise ArchiveError(
            f"{name} is not a readable ELF file: {error}",
            cause="the file is cut, damaged, or something else than a Linux program or library",
            action="look what it is with `file`, and get or build it again",
        ) from error


class _DamagedError(Exception):
    """The file contradicts itself or goes beyond a limit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Segment:
    kind: int
    flags: int
    offset: int
    address: int
    size_bytes: int
    alignment_bytes: int


class _Reader:
    """One pass over one file; every read has a limit."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._strings_left = _MAX_STRINGS
        self._file_size = stream.seek(0, 2)
        ident = self._read(0, 16)
        if ident[:4] != MAGIC:
            raise _DamagedError("it does not begin with the ELF magic")
        if ident[4] not in {1, 2} or ident[5] not in {1, 2}:
            raise _DamagedError(f"class {ident[4]} and data encoding {ident[5]} are not both 1 or 2")
        self._elf_class: Literal[32, 64] = 64 if ident[4] == 2 else 32
        self._endianness: Endianness = "little" if ident[5] == 1 else "big"
        self._structs = ELFStructs(little_endian=ident[5] == 1, elfclass=self._elf_class)
        # e_type and e_machine come as numbers, whatever names the library has for them.
        self._type, self._machine = struct.unpack(f"{self._order}HH", self._read(16, 4))
        self._structs.create_basic_structs()
        self._structs.create_advanced_structs(None, "EM_NONE", None)
        self._header = self._parse(self._structs.Elf_Ehdr, 0)
        self._segments = tuple(self._read_segments())
        self._dynamic = self._read_dynamic()

    def facts(self) -> ElfFacts:
        stack = [segment for segment in self._segments if segment.kind == _PT_GNU_STACK]
        return ElfFacts(
            elf_class=self._elf_class,
            endianness=self._endianness,
            machine=self._machine,
            elf_type=_TYPES.get(self._type, "other"),
            flags=self._header["e_flags"],
            interpreter=self._interpreter(),
            dynamic=bool(self._dynamic),
            needed=self._strings(_DT_NEEDED),
            soname=next(iter(self._strings(_DT_SONAME)), None),
            rpath=self._search_path(_DT_RPATH),
            runpath=self._search_path(_DT_RUNPATH),
            version_needs=tuple(self._version_needs()),
            load_alignments_bytes=tuple(s.alignment_bytes for s in self._segments if s.kind == _PT_LOAD),
            executable_stack=any(s.flags & _PF_X for s in stack) or not stack,
            relro=self._relro(),
            build_id=self._build_id(),
        )

    @property
    def _order(self) -> str:
        return "<" if self._endianness == "little" else ">"

    def _read(self, offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > self._file_size:
            raise _DamagedError(f"{size} bytes at offset {offset} lie outside the file's {self._file_size}")
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) != size:
            raise _DamagedError(f"the file ends inside the {size} bytes at offset {offset}")
        return data

    def _parse(self, layout: Any, offset: int) -> Any:  # noqa: ANN401 - the library is untyped
        return layout.parse(self._read(offset, layout.sizeof()))

    def _read_segments(self) -> Iterator[_Segment]:
        count, entry_size = self._header["e_phnum"], self._header["e_phentsize"]
        if count > _MAX_SEGMENTS:
            raise _DamagedError(f"{count} segments are more than {_MAX_SEGMENTS}")
        wide = self._elf_class == 64
        layout = f"{self._order}{'IIQQQQQQ' if wide else 'IIIIIIII'}"
        if count and entry_size != struct.calcsize(layout):
            raise _DamagedError(f"segment headers of {entry_size} bytes")
        for index in range(count):
            raw = struct.unpack(layout, self._read(self._header["e_phoff"] + index * entry_size, entry_size))
            # p_flags stands second in 64-bit files and seventh in 32-bit ones.
            kind, flags, offset, address = raw[:4] if wide else (raw[0], raw[6], raw[1], raw[2])
            yield _Segment(
                kind=kind,
                flags=flags,
                offset=offset,
                address=address,
                size_bytes=raw[5] if wide else raw[4],
                alignment_bytes=raw[7],
            )

    def _interpreter(self) -> str | None:
        for segment in self._segments:
            if segment.kind == _PT_INTERP:
                if segment.size_bytes > _MAX_STRING_BYTES:
                    raise _DamagedError("the interpreter's name is longer than a path may be")
                return _text(self._read(segment.offset, segment.size_bytes).partition(b"\0")[0])
        return None

    def _read_dynamic(self) -> tuple[tuple[int, int], ...]:
        for segment in self._segments:
            if segment.kind == _PT_DYNAMIC and segment.size_bytes:
                if segment.size_bytes > _MAX_DYNAMIC_BYTES:
                    raise _DamagedError(f"a dynamic section of {segment.size_bytes} bytes")
                return tuple(self._dynamic_entries(self._read(segment.offset, segment.size_bytes)))
        return ()

    def _dynamic_entries(self, data: bytes) -> Iterator[tuple[int, int]]:
        layout = struct.Struct(f"{self._order}{'QQ' if self._elf_class == 64 else 'II'}")
        for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
            if tag == _DT_NULL:
                return
            yield tag, value

    def _values(self, tag: int) -> tuple[int, ...]:
        return tuple(value for found, value in self._dynamic if found == tag)

    def _file_offset(self, address: int) -> int:
        for segment in self._segments:
            if segment.kind == _PT_LOAD and 0 <= address - segment.address < segment.size_bytes:
                return segment.offset + address - segment.address
        raise _DamagedError(f"address {address:#x} is in no LOAD segment")

    def _strings(self, tag: int) -> tuple[str, ...]:
        return tuple(self._string(value) for value in self._values(tag))

    def _string(self, index: int) -> str:
        self._strings_left -= 1
        if self._strings_left < 0:
            raise _DamagedError(f"it names more than {_MAX_STRINGS} strings")
        table = self._values(_DT_STRTAB)
        if not table:
            raise _DamagedError("the dynamic section names no string table")
        offset = self._file_offset(table[0]) + index
        if not 0 <= offset < self._file_size:
            raise _DamagedError(f"string {index} lies outside the file")
        window = self._read(offset, min(_MAX_STRING_BYTES, self._file_size - offset))
        text, ending, _ = window.partition(b"\0")
        if not ending:
            raise _DamagedError(f"string {index} does not end within {_MAX_STRING_BYTES} bytes")
        return _text(text)

    def _search_path(self, tag: int) -> tuple[str, ...]:
        return tuple(part for text in self._strings(tag) for part in text.split(":") if part)

    def _version_needs(self) -> Iterator[VersionNeed]:
        places, counts = self._values(_DT_VERNEED), self._values(_DT_VERNEEDNUM)
        if not places or not counts:
            return
        offset = self._file_offset(places[0])
        for _ in range(min(counts[0], _MAX_VERSION_RECORDS)):
            record = self._parse(self._structs.Elf_Verneed, offset)
            versions = self._version_names(offset + record["vn_aux"], record["vn_cnt"])
            yield VersionNeed(library=self._string(record["vn_file"]), versions=tuple(versions))
            if not record["vn_next"]:
                return
            offset += record["vn_next"]

    def _version_names(self, offset: int, count: int) -> Iterator[str]:
        if count > _MAX_VERSION_RECORDS:
            raise _DamagedError(f"{count} versions of one library")
        for _ in range(count):
            record = self._parse(self._structs.Elf_Vernaux, offset)
            yield self._string(record["vna_name"])
            if not record["vna_next"]:
                return
            offset += record["vna_next"]

    def _relro(self) -> Relro:
        if not any(segment.kind == _PT_GNU_RELRO for segment in self._segments):
            return "none"
        flags = any(value & _DF_BIND_NOW for value in self._values(_DT_FLAGS))
        flags_1 = any(value & _DF_1_NOW for value in self._values(_DT_FLAGS_1))
        return "full" if flags or flags_1 or self._values(_DT_BIND_NOW) else "partial"

    def _build_id(self) -> str | None:
        notes = [segment for segment in self._segments if segment.kind == _PT_NOTE]
        for segment in notes[:_MAX_NOTE_SEGMENTS]:
            if segment.size_bytes <= _MAX_NOTE_BYTES:
                for kind, owner, content in self._notes(segment):
                    if kind == _NT_GNU_BUILD_ID and owner == b"GNU\0":
                        return content.hex()
        return None

    def _notes(self, segment: _Segment) -> Iterator[tuple[int, bytes, bytes]]:
        data = self._read(segment.offset, segment.size_bytes)
        align = 8 if segment.alignment_bytes == 8 else 4
        place = 0
        while place + 12 <= len(data):
            name_size, content_size, kind = struct.unpack_from(f"{self._order}III", data, place)
            name_end = place + 12 + name_size
            start = _round_up(name_end, align)
            if start + content_size > len(data):
                raise _DamagedError("a note goes beyond its segment")
            yield kind, data[place + 12 : name_end], data[start : start + content_size]
            place = _round_up(start + content_size, align)


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="backslashreplace")
