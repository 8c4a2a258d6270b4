"""The sizes of V8's builtins: a mark of architecture and build that every snapshot of V8 11 and later bears.

A snapshot holds one ``Code`` object for each builtin (2,182 in V8 11.3, 2,528 in 15.8), and each carries the size of
the machine code that it stands for. The machine code itself lies in the program, with a table of its sizes. No two
architectures have the same sizes, nor have two builds of V8 whose builtins differ: so the list tells whether
two snapshots, or a snapshot and a program, belong together. Heap contents do not touch it.

Found in ``Code`` objects (``src/objects/code.h``), whatever stands around them: flags, instruction size, metadata
size, a zero (inlined bytecode size), -1 (OSR offset), then three offsets into the metadata; words
of 32 bits. The table is that of ``EmbeddedData`` (``src/snapshot/embedded/embedded-data.h``): rows of instruction
offset, instruction length and more. Measured in V8 11.3, 12.4, 13.6, 14.5 to 14.9, 15.0 and 15.8, with and
without pointer compression; V8 10's snapshots have no such objects and yield nothing.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Sequence

from pipeline.v8.checksum import Buffer
from pipeline.v8.windows import find_all, find_matches

MIN_CODES = 256
"""Fewer are no list of builtins: V8 has had more than 1,500 since version 9."""
MAX_CODES = 16384
_MAX_CANDIDATES = 200_000
"""Places that are looked at; the most in a real snapshot were 10,049."""

_MIDDLE = re.compile(rb"\0\0\0\0\xff\xff\xff\xff")
_BEFORE = struct.Struct("<III")
_AFTER = struct.Struct("<III")
_MAX_INSTRUCTIONS_BYTES = 1 << 20
_MAX_METADATA_BYTES = 1 << 16
_MAX_FLAGS = 1 << 24
_MAX_STRAY_SHARE = 0.02
"""How much longer than V8's own list an embedder's may be: heap data that reads like a ``Code`` object would add
to it. In 24 real snapshots nothing did."""
_ROW_BYTES = (12, 32)
"""Of the table in V8 12 and later, and in V8 11."""
_MAX_ANCHOR_TRIES = 4096

# The table's first row (offset 0, size, and with short rows metadata 0) and the beginning of the second.
_FIRST_ROWS = {
    12: re.compile(rb"\0{4}(?=(?!\0\0)..\0\0\0{4}..\0\0..\0\0)", re.DOTALL),
    32: re.compile(rb"\0{4}(?=(?!\0\0)..\0\0.{24}(?!\0\0)..\0\0(?!\0\0)..\0\0)", re.DOTALL),
}
_CHECKED_ROWS = (8, MIN_CODES)
"""Few first: what only begins like a table is soon let go."""
_CODE_ALIGNMENT_BYTES = 32
_MAX_PADDING_BYTES = 128
_MAX_TABLE_TRIES = 1_000_000
"""Places in one file that are looked at; Chromium, of 297 MB, has 156,000."""


def code_sizes(section: bytes) -> tuple[int, ...]:
    """Return the sizes of the builtins' machine code, in the order of a snapshot's *section*; empty without any."""
    places = (found.start() for found in itertools.islice(_MIDDLE.finditer(section), _MAX_CANDIDATES))
    sizes = (size for place in places if (size := _size_at(section, place)) is not None)
    found = tuple(itertools.islice(sizes, MAX_CODES))
    return found if len(found) >= MIN_CODES else ()


def _size_at(section: bytes, place: int) -> int | None:
    start, end = place - _BEFORE.size, place + 8
    if start < 0 or end + _AFTER.size > len(section):
        return None
    flags, size, metadata = _BEFORE.unpack_from(section, start)
    offsets = _AFTER.unpack_from(section, end)
    inside = max(offsets) <= metadata
    plausible = 0 < size < _MAX_INSTRUCTIONS_BYTES and metadata < _MAX_METADATA_BYTES and flags < _MAX_FLAGS
    return size if inside and plausible else None


def equal_share(first: Sequence[int], second: Sequence[int]) -> float:
    """Return which part of two lists is equal, place by place."""
    longer = max(len(first), len(second))
    return sum(a == b for a, b in zip(first, second, strict=False)) / longer if longer else 0.0


def same_builtins(embedded: Sequence[int], own: Sequence[int]) -> bool:
    """Return whether *embedded* is *own*, but for a few stray numbers in between."""
    if not len(own) <= len(embedded) <= len(own) * (1 + _MAX_STRAY_SHARE):
        return False
    rest = iter(embedded)
    return all(size in rest for size in own)


def find_table(program: Buffer, sizes: Sequence[int]) -> int | None:
    """Return the offset, in *program*, of the first size in its table of machine code that has all of *sizes*.

    Looked for is the largest, the rarest; then each must be in its row. None: the program's code has other sizes, or
    its table another layout (before V8 12).
    """
    if len(sizes) < MIN_CODES:
        return None
    at = max(range(len(sizes)), key=lambda place: sizes[place])
    places = itertools.islice(find_all(program, struct.pack("<I", sizes[at])), _MAX_ANCHOR_TRIES)
    for place, row_bytes in ((place, row_bytes) for place in places for row_bytes in _ROW_BYTES):
        start = place - at * row_bytes
        if start >= 0 and _has_rows(program, start, row_bytes, sizes):
            return start
    return None


def _has_rows(program: Buffer, start: int, row_bytes: int, sizes: Sequence[int]) -> bool:
    return all(
        _column(program[start : start + row_bytes * count], row_bytes) == tuple(sizes[:count])
        for count in (_CHECKED_ROWS[0], len(sizes))
    )


def _column(rows: bytes, row_bytes: int) -> tuple[int, ...]:
    """Return the first word of each row."""
    words = struct.unpack(f"<{len(rows) // 4}I", rows[: len(rows) // 4 * 4])
    return words[:: row_bytes // 4]


def has_table(program: Buffer) -> bool:
    """Return whether *program* has a table of the form that ``find_table`` knows, whatever its sizes.

    Its rows lie in the order of the machine code. In programs whose builtins were put in another order, by a profile
    (official builds of Chromium), it is not told from other tables, and not found.
    """
    return any(
        _begins_table(program, found.start(), row_bytes)
        for row_bytes, pattern in _FIRST_ROWS.items()
        for found in itertools.islice(find_matches(program, pattern, 2 * row_bytes), _MAX_TABLE_TRIES)
    )


def _begins_table(program: Buffer, place: int, row_bytes: int) -> bool:
    return all(_are_rows(program[place : place + row_bytes * count], row_bytes, count) for count in _CHECKED_ROWS)


def _are_rows(rows: bytes, row_bytes: int, count: int) -> bool:
    """Return whether *rows* are those of machine code that lies piece behind piece, each aligned."""
    if len(rows) < row_bytes * count:
        return False
    offsets, sizes = _column(rows, row_bytes), _column(rows[4:], row_bytes)
    return all(
        size and following % _CODE_ALIGNMENT_BYTES == 0 and 0 <= following - offset - size <= _MAX_PADDING_BYTES
        for size, (offset, following) in zip(sizes, itertools.pairwise(offsets), strict=False)
    )
