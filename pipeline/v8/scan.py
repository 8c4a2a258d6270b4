"""Finds every V8 snapshot in a file, through a mapping of it, so that size costs time but not memory."""

from __future__ import annotations

import contextlib
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ArchiveError
from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.checksum import Buffer
from pipeline.v8.windows import find_matches

MAX_BLOBS = 16
"""A file with more is not searched further; known programs carry at most three. Each damaged one may cost a checksum
over the whole file, so this also bounds time."""

MAX_CANDIDATES = 100_000
"""Places in one file that are looked at more closely."""

# The end of a version string with padding after it. It begins with one literal byte, which the regular expression
# engine looks for with memchr: 20 times as fast as a pattern that begins with a digit.
_VERSION_END = re.compile(rb"\.\d{1,5}(?:-[!-~]{1,40})?\0{8}")
_VERSION_START = re.compile(rb"[1-9]\d?\.\d{1,3}(?:\.\d{1,5})?\Z")
_LONGEST_START_BYTES = 12
_LONGEST_END_BYTES = 64
_ANCHOR_BYTES = 48
_ANCHOR_TRIES = 256
_VARIED = 4
_FIRST_WINDOW_BYTES = 4096
_WINDOW_BYTES = 1024 * 1024


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[Buffer]:
    """Yield the content of *path* as a read-only mapping (empty bytes for an empty file)."""
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            yield b""
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
            yield mapping


def scan_file(path: Path) -> tuple[SnapshotBlob, ...]:
    """Return every snapshot in the file *path*, in the order of their offsets."""
    with mapped(path) as data:
        return find_blobs(data)


def find_blobs(data: Buffer) -> tuple[SnapshotBlob, ...]:
    """Return every snapshot in *data*, damaged ones included, in the order of their offsets; at most MAX_BLOBS.

    Raises ArchiveError for data that is made of what looks like snapshots' versions: no program is.
    """
    found: list[SnapshotBlob] = []
    sound_until = 0
    for count, place in enumerate(_version_places(data)):
        if count == MAX_CANDIDATES:
            raise _too_many()
        if place < sound_until:
            continue
        blob = parse(data, place - 12) or parse(data, place - 16)
        if blob is None:
            continue
        found.append(blob)
        if len(found) == MAX_BLOBS:
            break
        if not blob.problems:
            sound_until = blob.end
    return tuple(found)


def _too_many() -> ArchiveError:
    return ArchiveError(
        f"a file holds more than {MAX_CANDIDATES} strings that look like the version of a V8 snapshot",
        cause="it was made to keep its readers busy; real programs have a few hundred",
        action="do not use it; leave it out if the rest is to be looked at",
    )


def _version_places(data: Buffer) -> Iterator[int]:
    for ending in find_matches(data, _VERSION_END, _LONGEST_END_BYTES):
        before = data[max(0, ending.start() - _LONGEST_START_BYTES) : ending.start()]
        start = _VERSION_START.search(before)
        if start:
            yield ending.start() - len(start.group())


def find_bytes(data: Buffer, wanted: Buffer) -> int:
    """Return the offset at which all of *wanted* first occurs in *data*, -1 when it does not (or is empty).

    Looks for the most varied short piece of *wanted*, so that long runs of zeros in either cost nothing.
    """
    if not len(wanted):
        return -1
    anchor_at = _anchor(wanted)
    anchor = wanted[anchor_at : anchor_at + _ANCHOR_BYTES]
    if len(set(anchor)) < _VARIED:
        # Nothing to hold on to. The search of `bytes` is linear whatever the content; a mapping's is not.
        return data[:].find(wanted[:])
    place = data.find(anchor)
    while place >= 0:
        start = place - anchor_at
        if start >= 0 and _equal(data, start, wanted):
            return start
        place = data.find(anchor, place + 1)
    return -1


def _anchor(wanted: Buffer) -> int:
    def variety(start: int) -> int:
        return len(set(wanted[start : start + _ANCHOR_BYTES]))

    last = max(len(wanted) - _ANCHOR_BYTES, 0)
    best = max(range(0, last + 1, max(last // _ANCHOR_TRIES, 1)), key=variety)
    if variety(best) >= _VARIED:
        return best
    return max(range(0, last + 1, _ANCHOR_BYTES // 2), key=variety)


def _equal(data: Buffer, start: int, wanted: Buffer) -> bool:
    if start + len(wanted) > len(data):
        return False
    place, window = 0, _FIRST_WINDOW_BYTES
    while place < len(wanted):
        part = wanted[place : place + window]
        if data[start + place : start + place + len(part)] != part:
            return False
        place, window = place + len(part), _WINDOW_BYTES
    return True
