"""Searches in files that are mapped, window by window: what was read is given back, so that size takes no memory."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator

from pipeline.v8.checksum import Buffer

WINDOW_BYTES = 16 * 1024 * 1024


def find_all(data: Buffer, wanted: bytes) -> Iterator[int]:
    """Yield every offset at which *wanted*, which must not be empty, occurs in *data*."""
    for start in range(0, len(data), WINDOW_BYTES):
        end = min(start + WINDOW_BYTES + len(wanted) - 1, len(data))
        place = data.find(wanted, start, end)
        while place >= 0:
            yield place
            place = data.find(wanted, place + 1, end)
        forget(data, start, start + WINDOW_BYTES)


def find_matches(data: Buffer, pattern: re.Pattern[bytes], longest_bytes: int) -> Iterator[re.Match[bytes]]:
    """Yield the matches of *pattern* in *data*, in order; one of more than *longest_bytes* may be cut by a window."""
    done = 0
    for start in range(0, len(data), WINDOW_BYTES):
        border = start + WINDOW_BYTES
        for found in pattern.finditer(data, max(start, done), min(border + longest_bytes, len(data))):
            # What begins behind the border belongs to the next window, which sees all of it.
            if found.start() >= border:
                break
            yield found
            done = found.end()
        forget(data, start, border)


def forget(data: Buffer, start: int, end: int) -> None:
    """Give back the memory of ``data[start:end]``, if it is mapped; it can be read again."""
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        if first < min(end, len(data)):
            data.madvise(mmap.MADV_DONTNEED, first, min(end, len(data)) - first)
