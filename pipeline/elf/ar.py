r"""Reader of ``ar`` archives (GNU, BSD names, thin) that goes forward only and stays within bounds.

The archive may be a pipe or a decompressor: nothing seeks backwards, members are read through windows, and every
number that the file states is checked before it is used. Layout: ``ar(5)`` of FreeBSD and binutils'
``include/aout/ar.h``; a member header has 60 bytes (name 16, date 12, uid 6, gid 6, mode 8, size 10, ``\x60\n``).
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.errors import ArchiveError

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"
HEADER_SIZE_BYTES = 60
WINDOW_BYTES = 256 * 1024

MAX_MEMBERS = 200_000
MAX_TABLE_BYTES = 256 * 1024 * 1024
"""Largest symbol or name table that is read into memory; V8's symbol table has 13 MB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Symbol:
    """An entry of the archive's symbol table."""

    name: str
    member_offset: int
    """Where the header of the member that defines it lies, in bytes from the start of the archive."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberInfo:
    """What the header of one member says."""

    name: str
    header_offset: int
    size_bytes: int
    is_external: bool = False
    """True in a thin archive, which names files instead of holding them."""


class Member:
    """A member whose content can be read once, before the next member is asked for."""

    def __init__(self, info: MemberInfo, source: _Forward) -> None:
        """Let the content come from *source*, which stands at its first byte."""
        self.info = info
        self._source = source
        self._left = 0 if info.is_external else info.size_bytes

    def read(self, size_bytes: int) -> bytes:
        """Return at most *size_bytes* more bytes, fewer only at the member's end.

        Raises ArchiveError when the archive ends inside the member.
        """
        wanted = min(size_bytes, self._left)
        content = self._source.take(wanted, self.info.name)
        self._left -= wanted
        return content

    def windows(self, size_bytes: int = WINDOW_BYTES) -> Iterator[bytes]:
        """Yield the rest of the content piece by piece."""
        while self._left:
            yield self.read(size_bytes)

    def skip(self) -> None:
        """Pass over the rest of the content."""
        for _window in self.windows():
            pass


class ArReader:
    """The members of one archive, in order; *symbols* is complete once the first member was reached."""

    def __init__(self, stream: BinaryIO, *, label: str) -> None:
        """Start reading *stream*; *label* names the archive in messages. Raises ArchiveError for other files."""
        self._source = _Forward(stream, label)
        self._label = label
        magic = self._source.take(len(MAGIC), "the signature")
        if magic not in {MAGIC, THIN_MAGIC}:
            raise _damaged(label, f"it starts with {magic!r} instead of {MAGIC!r}")
        self.is_thin = magic == THIN_MAGIC
        self.symbols: tuple[Symbol, ...] = ()
        self._names = b""

    def members(self) -> Iterator[Member]:
        """Yield the object members; tables are read on the way. Raises ArchiveError where the file is damaged."""
        for _count in range(MAX_MEMBERS):
            info = self._header()
            if info is None:
                return
            if info.name in _TABLES:
                self._read_table(info)
            else:
                member = Member(info, self._source)
                yield member
                member.skip()
            if not info.is_external and info.size_bytes % 2:
                self._source.padding()
        raise _damaged(self._label, f"it has more than {MAX_MEMBERS} members")

    def _header(self) -> MemberInfo | None:
        offset = self._source.offset
        raw = self._source.take_or_end(HEADER_SIZE_BYTES, f"the member header at offset {offset}")
        if not raw:
            return None
        if raw[58:60] != b"`\n":
            raise _damaged(self._label, f"the member header at offset {offset} does not end with its mark")
        size_bytes = _decimal(raw[48:58])
        if size_bytes is None:
            raise _damaged(self._label, f"the member header at offset {offset} has the size {raw[48:58]!r}")
        return self._named(raw[:16].rstrip(b" "), offset, size_bytes)

    def _named(self, field: bytes, offset: int, size_bytes: int) -> MemberInfo:
        if field in _RAW_TABLES:
            return MemberInfo(name=field.decode(), header_offset=offset, size_bytes=size_bytes)
        external = self.is_thin
        if field.startswith(b"#1/"):  # BSD: the name stands before the content and is counted in the size
            length = _decimal(field[3:])
            if length is None or length > min(size_bytes, 4096):
                raise _damaged(self._label, f"the member header at offset {offset} has the name length {field!r}")
            name, size_bytes = self._source.take(length, "a member's name").rstrip(b"\0"), size_bytes - length
            name = b"/" if name.startswith(b"__.SYMDEF") else name
        elif field.startswith(b"/"):
            name = self._long_name(field, offset)
        else:
            name = field.removesuffix(b"/")
        return MemberInfo(
            name=_BSD_TABLE if name == b"/" else name.decode(errors="replace"),
            header_offset=offset,
            size_bytes=size_bytes,
            is_external=external,
        )

    def _long_name(self, field: bytes, offset: int) -> bytes:
        start = _decimal(field[1:])
        if start is None or start >= len(self._names):
            raise _damaged(self._label, f"the member at offset {offset} has the name {field!r}, outside the name table")
        end = self._names.find(b"\n", start)
        return self._names[start : end if end >= 0 else None].removesuffix(b"/")

    def _read_table(self, info: MemberInfo) -> None:
        if info.size_bytes > MAX_TABLE_BYTES:
            raise _damaged(self._label, f"its table {info.name!r} has {info.size_bytes} bytes")
        table = self._source.take(info.size_bytes, f"the table {info.name!r}")
        if info.name == "//":
            self._names = table
        elif info.name in _SYMBOL_WIDTHS:
            self.symbols = tuple(_symbols(table, _SYMBOL_WIDTHS[info.name], self._label))


_RAW_TABLES = frozenset({b"/", b"//", b"/SYM64/"})
_BSD_TABLE = "__.SYMDEF"
_TABLES = frozenset({"/", "//", "/SYM64/", _BSD_TABLE})
_SYMBOL_WIDTHS = {"/": 4, "/SYM64/": 8}


def _symbols(table: bytes, width: int, label: str) -> Iterator[Symbol]:
    """Yield the entries of a GNU symbol table: a count, offsets (big-endian), names that end with NUL."""
    code = ">I" if width == 4 else ">Q"
    if not table:
        return
    count = struct.unpack_from(code, table)[0] if len(table) >= width else len(table)
    names_at = width * (1 + count)
    if names_at > len(table):
        raise _damaged(label, f"its symbol table states {count} entries in {len(table)} bytes")
    names = table[names_at:].split(b"\0", count)
    if len(names) <= count and count:
        raise _damaged(label, f"its symbol table states {count} entries and names {len(names) - 1}")
    offsets = struct.unpack_from(f">{count}{code[1]}", table, width)
    for name, offset in zip(names, offsets, strict=False):
        yield Symbol(name=name.decode(errors="replace"), member_offset=offset)


def _decimal(field: bytes) -> int | None:
    text = field.strip(b" ")
    return int(text) if text.isdigit() else None


def _damaged(label: str, why: str) -> ArchiveError:
    return ArchiveError(
        f"{label} is not a sound ar archive: {why}",
        cause="the file was cut off or altered on its way, or is something else",
        action="fetch or build it again; `ar t FILE` shows whether it can be read",
    )


class _Forward:
    """A stream that is read once, front to back, and knows where it is."""

    def __init__(self, stream: BinaryIO, label: str) -> None:
        self._stream = stream
        self._label = label
        self.offset = 0

    def take(self, size_bytes: int, what: str) -> bytes:
        content = self._read(size_bytes)
        if len(content) != size_bytes:
            raise _damaged(
                self._label,
                f"it ends inside {what} (at offset {self.offset}, {size_bytes - len(content)} bytes are missing)",
            )
        return content

    def take_or_end(self, size_bytes: int, what: str) -> bytes:
        content = self._read(size_bytes)
        if content and len(content) != size_bytes:
            raise _damaged(self._label, f"it ends inside {what}")
        return content

    def padding(self) -> None:
        self._read(1)

    def _read(self, size_bytes: int) -> bytes:
        pieces = []
        missing = size_bytes
        while missing:
            piece = self._stream.read(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        self.offset += size_bytes - missing
        return b"".join(pieces)
