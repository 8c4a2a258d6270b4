"""Programs with a wrong snapshot, made on purpose from right ones: what no check may accept."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import checksum
from pipeline.v8.scan import mapped, scan_file


@dataclasses.dataclass(frozen=True)
class Stitch:
    """A wrong file, and which findings say so."""

    name: str
    path: Path
    expected: frozenset[str]
    """At least one of these must fail."""


def stitches(holder: Path, others: dict[str, Path], directory: Path) -> Iterator[Stitch]:
    """Yield each wrong file that can be made of *holder*, which holds snapshots; each is deleted before the next.

    *others* are files whose snapshots are put in, by what they are: ``other architecture``, ``other version``.
    """
    snapshots = scan_file(holder)
    for name, other in others.items():
        foreign = scan_file(other)
        for which in range(min(len(snapshots), len(foreign))):
            kind = "V8's own" if snapshots[which].contexts == 1 else "the embedder's"
            content = _put(holder.read_bytes(), snapshots[which], _piece(other, foreign[which]))
            expected = {"v8.version", "v8.consistency", "v8.code", "v8.triple"}
            yield from _written(f"{kind} of {name}", content, directory, expected)
        if len(snapshots) > 1 and len(foreign) > 1:
            content = holder.read_bytes()
            for which in (0, 1):
                content = _put(content, snapshots[which], _piece(other, foreign[which]))
            yield from _written(f"both of {name}", content, directory, {"v8.version", "v8.code", "v8.triple"})
    last = snapshots[-1]
    for name, content in _damaged(holder, last):
        yield from _written(name, content, directory, {"v8.snapshot", "v8.code", "v8.version", "v8.consistency"})


def _written(name: str, content: bytes, directory: Path, expected: set[str]) -> Iterator[Stitch]:
    path = directory / "stitched"
    path.write_bytes(content)
    yield Stitch(name, path, frozenset(expected))
    path.unlink()


def _piece(path: Path, blob: SnapshotBlob) -> bytes:
    with mapped(path) as data:
        return data[blob.offset : blob.end]


def _put(content: bytes, place: SnapshotBlob, piece: bytes) -> bytes:
    """Put *piece* where a snapshot is, or at the end of the file where it is larger, as a linker finds room for it.

    What lies behind a snapshot, such as the table of V8's machine code, stays as it is.
    """
    room = place.size_bytes
    if len(piece) <= room:
        return content[: place.offset] + piece.ljust(room, b"\0") + content[place.end :]
    return content[: place.offset] + bytes(room) + content[place.end :] + bytes(-len(content) % 16) + piece


def _damaged(holder: Path, blob: SnapshotBlob) -> Iterator[tuple[str, bytes]]:
    content = holder.read_bytes()
    middle = blob.offset + blob.sections[-1].offset + blob.sections[-1].size_bytes // 2
    yield "a byte flipped", _flipped(content, middle)
    yield "the magic flipped", _flipped(content, blob.offset + blob.sections[-1].offset + 1)
    yield "the checksum flipped", _flipped(content, blob.offset + 8)
    yield "cut in the last section", content[:middle]
    yield "sections in another order", _reordered(content, blob)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _reordered(content: bytes, blob: SnapshotBlob) -> bytes:
    """Exchange the last two offsets of sections, with a checksum that is right again."""
    header = 16 if blob.has_read_only_checksum else 12
    table = blob.offset + header + 64 + 4 * (len(blob.sections) - 3)
    first, second = struct.unpack_from("<II", content, table)
    changed = bytearray(content)
    struct.pack_into("<II", changed, table, second, first)
    if blob.checksum_kind is not None:
        value = checksum(blob.checksum_kind, bytes(changed), blob.offset + 12, blob.end)
        struct.pack_into("<I", changed, blob.offset + 8, value)
    return bytes(changed)
