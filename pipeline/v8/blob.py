"""Recognises V8 start-up snapshots by what they are, from V8 10 to 15, for any architecture.

Layout, from V8's ``src/snapshot/snapshot.cc``; all header words are 32-bit little-endian, on big-endian machines
too (measured with s390x):

=================  =====================================================  ====================================
offset             V8 up to about 11                                      later
=================  =====================================================  ====================================
0                  number of contexts, N                                  the same
4                  rehashability, 0 or 1                                  the same
8                  checksum over all that follows this word               the same
12                 version string, 64 bytes, NUL-padded                   checksum of the read-only section
16                 (inside the version string)                            version string, 64 bytes, NUL-padded
76 / 80            offsets of all sections but the first: 2 + N words     the same
then, aligned      sections: start-up, read-only, shared heap, N contexts the same; from 15 read-only stands first
=================  =====================================================  ====================================

The alignment of the first section is the machine's pointer size (4 or 8), in the newest sources a page. A section is
``SerializedData``: a word with the magic ``0xC0DE0000 ^ size of the table of external references``, a word with
the payload's length, the payload. Nothing in a snapshot names the architecture that it was made for.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import struct

from pipeline.v8.checksum import Buffer, ChecksumKind, checksum

VERSION_BYTES = 64
MAX_CONTEXTS = 256
MAX_BLOB_BYTES = 64 * 1024 * 1024
"""Nine times the largest that was ever seen; two checksums over it are computed."""

_VERSION = re.compile(rb"[1-9]\d?\.\d{1,3}(?:\.\d{1,5}){1,2}(?:-[!-~]{1,40})?")
_VERSION_OFFSETS = (16, 12)
_ALIGNMENTS_BYTES = (4, 8, 16, 4096, 16384, 65536)
_MAGIC_HALF = 0xC0DE
_CHECKED_FROM = 12
_SECTION_HEADER_BYTES = 8
_FIXED_SECTIONS = 3
"""Start-up, read-only and shared heap; contexts follow."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a snapshot; *offset* counts from the snapshot's first byte."""

    offset: int
    size_bytes: int
    """Header, payload and padding up to the next section."""
    magic: int
    payload_bytes: int

    @property
    def end(self) -> int:
        """Return the offset of the byte after the section."""
        return self.offset + self.size_bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnapshotBlob:
    """One V8 start-up snapshot inside a file."""

    offset: int
    """Of the snapshot's first byte in the file."""
    size_bytes: int
    """Without what an embedder appends to it."""
    version: str
    contexts: int
    rehashable: bool
    sections: tuple[Section, ...]
    read_only_index: int | None
    """Which section is the read-only heap; None where it could not be told."""
    has_read_only_checksum: bool
    """Whether the header is of the later layout."""
    checksum: int
    checksum_kind: ChecksumKind | None
    """The algorithm under which the checksum is right; None: it is right under none."""
    problems: tuple[str, ...]
    """What is wrong with it, in words; empty for a sound snapshot."""

    @property
    def end(self) -> int:
        """Return the offset, in the file, of the byte after the snapshot."""
        return self.offset + self.size_bytes

    @property
    def magic(self) -> int:
        """Return the first section's magic: equal in all snapshots of one V8 build."""
        return self.sections[0].magic

    @property
    def read_only(self) -> Section | None:
        """Return the section of the read-only heap."""
        return None if self.read_only_index is None else self.sections[self.read_only_index]

    @property
    def context_0(self) -> Section:
        """Return the section of the default context."""
        return self.sections[_FIXED_SECTIONS]


def parse(data: Buffer, offset: int = 0) -> SnapshotBlob | None:
    """Return the snapshot that begins at *offset*, None when none does.

    A damaged one is still recognised as long as its header reads like one and at least one section has its magic;
    then it carries the problems that were found.
    """
    for version_offset in _VERSION_OFFSETS:
        header = _header(data, offset, version_offset)
        if header is not None:
            return _blob(data, header)
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Header:
    offset: int
    version_offset: int
    version: str
    contexts: int
    rehashable: bool
    checksum: int
    starts: tuple[int, ...]
    """Offsets of all sections, as the header has them."""


def _header(data: Buffer, offset: int, version_offset: int) -> _Header | None:
    fixed = version_offset + VERSION_BYTES
    head = data[offset : offset + fixed]
    if offset < 0 or len(head) < fixed:
        return None
    text, _, padding = head[version_offset:].partition(b"\0")
    contexts, rehashable, word = struct.unpack_from("<III", head)
    if not _VERSION.fullmatch(text) or padding.strip(b"\0") or not padding:
        return None
    if not 1 <= contexts <= MAX_CONTEXTS or rehashable > 1:
        return None
    count = contexts + _FIXED_SECTIONS - 1
    table = data[offset + fixed : offset + fixed + 4 * count]
    if len(table) < 4 * count:
        return None
    rest = struct.unpack(f"<{count}I", table)
    first = _first_section(data, offset, fixed + 4 * count)
    starts = (first, *rest)
    if not any(_has_magic(data, offset + start) for start in starts):
        return None
    return _Header(
        offset=offset,
        version_offset=version_offset,
        version=text.decode("ascii"),
        contexts=contexts,
        rehashable=bool(rehashable),
        checksum=word,
        starts=starts,
    )


def _first_section(data: Buffer, offset: int, header_end: int) -> int:
    places = [-(-header_end // alignment) * alignment for alignment in _ALIGNMENTS_BYTES]
    return next((place for place in places if _has_magic(data, offset + place)), places[1])


def _has_magic(data: Buffer, place: int) -> bool:
    return _word(data, place) >> 16 == _MAGIC_HALF


def _blob(data: Buffer, header: _Header) -> SnapshotBlob:
    limit = min(len(data) - header.offset, MAX_BLOB_BYTES)
    sections, problems = _sections(data, header, limit)
    # A section that lies outside the file has no size, and its offset means nothing.
    ends = (section.end for section in sections if section.size_bytes)
    size = max(ends, default=min(*header.starts, limit))
    later_layout = header.version_offset == 16
    kind = None
    read_only = None if later_layout else 1
    if not problems:
        kind = _checksum_kind(data, header, size)
        if kind is None:
            problems.append("the checksum does not fit the content")
    if later_layout:
        read_only = _read_only_index(data, header, sections, kind)
        if read_only is None and not problems:
            problems.append("no section fits the read-only checksum")
    return SnapshotBlob(
        offset=header.offset,
        size_bytes=size,
        version=header.version,
        contexts=header.contexts,
        rehashable=header.rehashable,
        sections=sections,
        read_only_index=read_only,
        has_read_only_checksum=later_layout,
        checksum=header.checksum,
        checksum_kind=kind,
        problems=tuple(problems),
    )


def _sections(data: Buffer, header: _Header, limit: int) -> tuple[tuple[Section, ...], list[str]]:
    ordered = sorted(set(header.starts))
    ends = dict(itertools.pairwise(ordered))
    problems = [] if list(header.starts) == ordered else ["the sections' offsets are not in order"]
    sections = []
    for index, start in enumerate(header.starts):
        section = _section(data, header, start, min(ends.get(start, limit), limit))
        # The last section has no successor: it ends with its payload.
        if start not in ends:
            end = min(section.payload_bytes + _SECTION_HEADER_BYTES, section.size_bytes)
            section = dataclasses.replace(section, size_bytes=end)
        sections.append(section)
        problems += _section_problems(index, section, sections[0].magic)
    return tuple(sections), problems


def _section(data: Buffer, header: _Header, start: int, end: int) -> Section:
    if end - start < _SECTION_HEADER_BYTES:
        return Section(offset=start, size_bytes=0, magic=0, payload_bytes=0)
    place = header.offset + start
    return Section(offset=start, size_bytes=end - start, magic=_word(data, place), payload_bytes=_word(data, place + 4))


def _section_problems(index: int, section: Section, magic: int) -> list[str]:
    if not section.size_bytes:
        return [f"section {index} lies beyond the end of the file"]
    problems = []
    if section.magic >> 16 != _MAGIC_HALF or section.magic != magic:
        problems.append(f"section {index} has the magic {section.magic:#010x}")
    if section.payload_bytes + _SECTION_HEADER_BYTES > section.size_bytes:
        problems.append(f"section {index} claims {section.payload_bytes} bytes, which do not fit")
    return problems


def _checksum_kind(data: Buffer, header: _Header, size: int) -> ChecksumKind | None:
    start, end = header.offset + _CHECKED_FROM, header.offset + size
    return next((kind for kind in ChecksumKind if checksum(kind, data, start, end) == header.checksum), None)


def _read_only_index(
    data: Buffer, header: _Header, sections: tuple[Section, ...], kind: ChecksumKind | None
) -> int | None:
    wanted = _word(data, header.offset + 12)
    for index in (1, 0, 2):
        start = header.offset + sections[index].offset
        end = header.offset + sections[index].end
        for candidate in (kind,) if kind else ChecksumKind:
            if end > start and checksum(candidate, data, start, end) == wanted:
                return index
    return None


def _word(data: Buffer, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")
