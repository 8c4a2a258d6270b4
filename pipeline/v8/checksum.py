"""The two checksums that V8 builds put into snapshots, over windows of a file that is not read whole.

``v8/src/snapshot/snapshot-utils.cc``, ``Checksum()``: builds with zlib use Adler-32 that starts from 0 (not 1);
others Fletcher-32 over bytes, modulo 65535.
"""

from __future__ import annotations

import enum
import mmap
import zlib
from typing import TypeAlias

Buffer: TypeAlias = bytes | mmap.mmap
"""Bytes in memory or a mapped file: slices are copies, so they are kept small."""

_WINDOW_BYTES = 1024 * 1024
_ROW_BYTES = 8192
_LANE_BYTES = 4
_ROWS_PER_BLOCK = 1024
"""At most 255 * n * (n + 1) / 2 may gather in a lane of 32 bits: 133,824,000 for 1024 rows."""


class ChecksumKind(enum.StrEnum):
    """Which checksum a V8 build uses."""

    ADLER32 = "adler32"
    FLETCHER32 = "fletcher32"


def checksum(kind: ChecksumKind, data: Buffer, start: int, end: int) -> int:
    """Return the checksum of *kind* over ``data[start:end]``."""
    return adler32(data, start, end) if kind is ChecksumKind.ADLER32 else fletcher32(data, start, end)


def adler32(data: Buffer, start: int, end: int) -> int:
    """Return Adler-32, begun from 0, over ``data[start:end]``."""
    value = 0
    for offset in range(start, end, _WINDOW_BYTES):
        value = zlib.adler32(data[offset : min(offset + _WINDOW_BYTES, end)], value)
    return value


def fletcher32(data: Buffer, start: int, end: int) -> int:
    """Return Fletcher-32 over the bytes of ``data[start:end]``."""
    block = _ROW_BYTES * _ROWS_PER_BLOCK
    first = second = 0
    for offset in range(start, end, block):
        size = min(block, end - offset)
        block_first, block_second = _block_sums(data, offset, size)
        # Every byte of this block sees the sum of all earlier blocks once.
        second += block_second + first * size
        first += block_first
    return (second % 65535) << 16 | first % 65535


def _block_sums(data: Buffer, start: int, size: int) -> tuple[int, int]:
    """Return the plain and the running sum of a block's bytes.

    Adding bytes one by one takes a second for 30 MB. Instead the block is a matrix of rows, each one huge integer
    with a byte in every 32-bit lane: adding two integers adds thousands of bytes at once, and the weights are put
    on afterwards, one lane at a time. Zeros in front change neither sum, so the first row is padded there.
    """
    rows = -(-size // _ROW_BYTES)
    padding = rows * _ROW_BYTES - size
    columns = running = 0
    for row in range(rows):
        offset = start - padding + row * _ROW_BYTES
        lanes = bytearray(_ROW_BYTES * _LANE_BYTES)
        content = data[max(offset, start) : offset + _ROW_BYTES]
        lanes[(_ROW_BYTES - len(content)) * _LANE_BYTES :: _LANE_BYTES] = content
        columns += int.from_bytes(lanes, "little")
        running += columns
    column_sums, running_sums = _lanes(columns), _lanes(running)
    first = sum(column_sums)
    # A byte in row r, column c of R rows of W stands (R - r) * W - c from the end; `running` counts it R - r times.
    second = _ROW_BYTES * sum(running_sums) - sum(c * value for c, value in enumerate(column_sums))
    return first, second


def _lanes(number: int) -> memoryview:
    raw = number.to_bytes(_ROW_BYTES * _LANE_BYTES, "little")
    words = memoryview(raw).cast("I")
    if words[0] == raw[0] | raw[1] << 8 | raw[2] << 16 | raw[3] << 24:
        return words
    # A big-endian machine: turn each lane round.
    return memoryview(b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))).cast("I")
