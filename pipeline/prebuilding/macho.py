"""What a Mach-O file says about itself: for which system and CPU it is, and what it wants of others.

Apple's ``mach-o/loader.h``, ``mach-o/fat.h`` and ``mach-o/nlist.h``. Only 64-bit little-endian parts: nothing else has
been made since macOS 10.15. A universal file has a part for each CPU. Every count and offset has a limit.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ArchiveError

MAGIC = b"\xcf\xfa\xed\xfe"
UNIVERSAL_MAGIC = b"\xca\xfe\xba\xbe"
_ARCHES = {0x01000007: "x64", 0x0100000C: "arm64"}
_MACOS = 1
_MAX_PARTS, _MAX_COMMANDS, _MAX_SYMBOLS, _MAX_FILE_BYTES = 16, 4096, 2_000_000, 1024**3
_LC_SYMTAB, _LC_SEGMENT_64, _LC_VERSION_MIN_MACOSX, _LC_BUILD_VERSION = 0x2, 0x19, 0x24, 0x32
_N_STAB, _N_TYPE, _N_SECT, _N_EXT = 0xE0, 0x0E, 0x0E, 0x01
_CODE_BYTES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachPart:
    """One part of the file."""

    arch: str | None
    """As Node has it; None for a CPU that Node has no name for."""
    macos: str | None
    """Oldest macOS that it runs on; None: it is for another system of Apple's, or does not say."""
    wanted: frozenset[str]
    """Functions that others must have, without the leading underscore."""
    code: dict[str, bytes]
    """First bytes of each function that it offers."""


def read_macho(path: Path) -> tuple[MachPart, ...]:
    """Return the parts of the Mach-O file *path*; raises ArchiveError when it is damaged."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ValueError("it is too large")
        content = path.read_bytes()
        return tuple(_part(part) for part in _parts(content))
    except (struct.error, ValueError, IndexError) as error:
        raise ArchiveError(
            f"{path} is no Mach-O file that can be read: {error}",
            cause="it is cut, damaged, or of a 32-bit system",
            action="look what it is with `file`, and transfer or build it again",
        ) from error


def _parts(content: bytes) -> Iterator[bytes]:
    if content[:4] == MAGIC:
        yield content
        return
    magic, count = struct.unpack_from(">4sI", content)
    if magic != UNIVERSAL_MAGIC or count > _MAX_PARTS:
        raise ValueError("its first bytes are another format's")
    for number in range(count):
        _cpu, _sub, offset, size, _align = struct.unpack_from(">5I", content, 8 + 20 * number)
        if offset + size > len(content):
            raise ValueError("a part of it is missing")
        yield content[offset : offset + size]


def _part(content: bytes) -> MachPart:
    magic, cpu, _sub, _kind, count, _size, _flags, _reserved = struct.unpack_from("<4s7I", content)
    if magic != MAGIC or count > _MAX_COMMANDS:
        raise ValueError("a part of it has no 64-bit header")
    macos, segments, symbols = None, [], (0, 0, 0, 0)
    offset = 32
    for _ in range(count):
        command, size = struct.unpack_from("<2I", content, offset)
        if size < 8:
            raise ValueError("a load command is shorter than its own header")
        if command == _LC_SYMTAB:
            symbols = struct.unpack_from("<4I", content, offset + 8)
        elif command == _LC_SEGMENT_64:
            segments.append(struct.unpack_from("<4Q", content, offset + 24))
        elif command == _LC_VERSION_MIN_MACOSX:
            macos = _version(struct.unpack_from("<I", content, offset + 8)[0])
        elif command == _LC_BUILD_VERSION:
            system, oldest = struct.unpack_from("<2I", content, offset + 8)
            macos = _version(oldest) if system == _MACOS else None
        offset += size
    names = list(_symbols(content, symbols))
    return MachPart(
        arch=_ARCHES.get(cpu),
        macos=macos,
        wanted=frozenset(name for name, kind, _address in names if kind & _N_TYPE == 0),
        code={name: _code(content, address, segments) for name, kind, address in names if kind & _N_TYPE == _N_SECT},
    )


def _symbols(content: bytes, table: tuple[int, ...]) -> Iterator[tuple[str, int, int]]:
    """Yield names that other files see, with their type and address."""
    offset, count, strings, size = table
    if count > _MAX_SYMBOLS or max(offset + 16 * count, strings + size) > len(content):
        raise ValueError("its table of symbols leads out of it")
    for name, kind, _section, _description, address in struct.iter_unpack(
        "<IBBHQ", content[offset : offset + 16 * count]
    ):
        if kind & _N_EXT and not kind & _N_STAB and name < size:
            start = strings + name
            end = content.index(b"\0", start)
            yield content[start:end].decode(errors="replace").removeprefix("_"), kind, address


def _code(content: bytes, address: int, segments: list[tuple[int, ...]]) -> bytes:
    for start, _size, offset, in_file in segments:
        if start <= address < start + in_file:
            place = offset + address - start
            return content[place : place + _CODE_BYTES]
    return b""


def _version(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}"
