"""Reads what an ELF file says about itself, without executing it or reading it whole.

Formats: System V ABI, chapters 4 and 5 (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html); PT_GNU_*: Linux
Standard Base Core 5.0, chapter 12.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.elf.facts import ElfFacts, ElfType, Relro, VersionNeed
from pipeline.elf.image import (
    MAGIC,
    MAX_STRING_BYTES,
    PT_LOAD,
    READ_ERRORS,
    DamagedError,
    ElfImage,
    Segment,
    as_text,
)
from pipeline.elf.versions import needed_versions
from pipeline.errors import ArchiveError

_MAX_NOTE_BYTES = 64 * 1024
_MAX_NOTE_SEGMENTS = 16

_TYPES: dict[int, ElfType] = {1: "relocatable", 2: "executable", 3: "shared", 4: "core"}
_PT_INTERP, _PT_NOTE = 3, 4
_PT_GNU_STACK, _PT_GNU_RELRO = 0x6474E551, 0x6474E552
_PF_X = 1
_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 14, 15, 29
_DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 24, 30, 0x6FFFFFFB
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
    except READ_ERRORS as error:
        raise ArchiveError(
            f"{name} is not a readable ELF file: {error}",
            cause="the file is cut, damaged, or something else than a Linux program or library",
            action="look what it is with `file`, and get or build it again",
        ) from error


class _Reader:
    """One pass over one file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._image = ElfImage(stream)

    def facts(self) -> ElfFacts:
        stack = [segment for segment in self._image.segments if segment.kind == _PT_GNU_STACK]
        return ElfFacts(
            elf_class=self._image.elf_class,
            endianness=self._image.endianness,
            machine=self._image.machine,
            elf_type=_TYPES.get(self._image.type_number, "other"),
            flags=self._image.header["e_flags"],
            interpreter=self._interpreter(),
            dynamic=bool(self._image.dynamic),
            needed=self._image.strings(_DT_NEEDED),
            soname=next(iter(self._image.strings(_DT_SONAME)), None),
            rpath=self._search_path(_DT_RPATH),
            runpath=self._search_path(_DT_RUNPATH),
            version_needs=tuple(self._version_needs()),
            load_alignments_bytes=tuple(s.alignment_bytes for s in self._image.segments if s.kind == PT_LOAD),
            executable_stack=any(s.flags & _PF_X for s in stack) or not stack,
            relro=self._relro(),
            build_id=self._build_id(),
        )

    def _interpreter(self) -> str | None:
        for segment in self._image.segments:
            if segment.kind == _PT_INTERP:
                if segment.size_bytes > MAX_STRING_BYTES:
                    raise DamagedError("the interpreter's name is longer than a path may be")
                return as_text(self._image.read(segment.offset, segment.size_bytes).partition(b"\0")[0])
        return None

    def _search_path(self, tag: int) -> tuple[str, ...]:
        return tuple(part for text in self._image.strings(tag) for part in text.split(":") if part)

    def _version_needs(self) -> Iterator[VersionNeed]:
        for library, needs in itertools.groupby(needed_versions(self._image), key=lambda need: need.library):
            yield VersionNeed(library=library, versions=tuple(need.name for need in needs))

    def _relro(self) -> Relro:
        if not any(segment.kind == _PT_GNU_RELRO for segment in self._image.segments):
            return "none"
        flags = any(value & _DF_BIND_NOW for value in self._image.values(_DT_FLAGS))
        flags_1 = any(value & _DF_1_NOW for value in self._image.values(_DT_FLAGS_1))
        return "full" if flags or flags_1 or self._image.values(_DT_BIND_NOW) else "partial"

    def _build_id(self) -> str | None:
        notes = [segment for segment in self._image.segments if segment.kind == _PT_NOTE]
        for segment in notes[:_MAX_NOTE_SEGMENTS]:
            if segment.size_bytes <= _MAX_NOTE_BYTES:
                for kind, owner, content in self._notes(segment):
                    if kind == _NT_GNU_BUILD_ID and owner == b"GNU\0":
                        return content.hex()
        return None

    def _notes(self, segment: Segment) -> Iterator[tuple[int, bytes, bytes]]:
        data = self._image.read(segment.offset, segment.size_bytes)
        align = 8 if segment.alignment_bytes == 8 else 4
        place = 0
        while place + 12 <= len(data):
            name_size, content_size, kind = struct.unpack_from(f"{self._image.order}III", data, place)
            name_end = place + 12 + name_size
            start = _round_up(name_end, align)
            if start + content_size > len(data):
                raise DamagedError("a note goes beyond its segment")
            yield kind, data[place + 12 : name_end], data[start : start + content_size]
            place = _round_up(start + content_size, align)


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
