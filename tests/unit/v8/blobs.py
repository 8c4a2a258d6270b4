"""V8 snapshots for the tests: the layout of real ones, with made-up content."""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Sequence
from typing import Literal

from pipeline.v8.checksum import ChecksumKind, checksum

Layout = Literal["old", "new", "read-only first"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlobSpec:
    """What the snapshot is to look like."""

    layout: Layout = "old"
    version: str = "10.2.154.26-node.37"
    contexts: int = 2
    rehashable: bool = True
    kind: ChecksumKind = ChecksumKind.ADLER32
    pointer_bytes: int = 8
    magic: int = 0xC0DE0563
    startup: bytes = b""
    read_only: bytes = b""
    context_0: bytes = b""


def noise(seed: int, size: int) -> bytes:
    """Return *size* bytes that differ from seed to seed."""
    return random.Random(seed).randbytes(size)


def blob(spec: BlobSpec) -> bytes:
    """Return the snapshot."""
    new = spec.layout != "old"
    startup, read_only = spec.startup or noise(1, 4001), spec.read_only or noise(2, 3000)
    first = (read_only, startup) if spec.layout == "read-only first" else (startup, read_only)
    contexts = [spec.context_0 or noise(4, 2500), *(noise(10 + i, 900) for i in range(spec.contexts - 1))]
    payloads = [*first, noise(3, 500), *contexts]
    sections = [struct.pack("<II", spec.magic, len(payload)) + payload for payload in payloads]
    place = (80 if new else 76) + 4 * (len(sections) - 1)
    place = -(-place // spec.pointer_bytes) * spec.pointer_bytes
    body = bytes(place - (80 if new else 76) - 4 * (len(sections) - 1)) + b"".join(sections)
    starts = []
    for section in sections:
        starts.append(place)
        place += len(section)
    table = struct.pack(f"<{len(starts) - 1}I", *starts[1:])
    read_only_section = sections[first.index(read_only)]
    word = checksum(spec.kind, read_only_section, 0, len(read_only_section))
    checked = struct.pack("<I", word) if new else b""
    checked += spec.version.encode().ljust(64, b"\0") + table + body
    total = checksum(spec.kind, checked, 0, len(checked))
    return struct.pack("<III", spec.contexts, int(spec.rehashable), total) + checked


def code_objects(sizes: Sequence[int], *, gap: int = 40) -> bytes:
    """Return what a snapshot of V8 11 and later has of builtins with machine code of *sizes*."""
    filler = random.Random(7)
    objects = (struct.pack("<8I", 3, size, 24, 0, 0xFFFFFFFF, 16, 24, 24) for size in sizes)
    return b"".join(filler.randbytes(gap) + code for code in objects)


def code_table(sizes: Sequence[int], *, row_bytes: int = 12) -> bytes:
    """Return the table that a program has of builtins with machine code of *sizes*."""
    rows, place = [], 0
    for number, size in enumerate(sizes):
        rows.append(struct.pack("<III", place, size, 8 * number).ljust(row_bytes, b"\1"))
        place += -(-size // 32) * 32
    return b"".join(rows)
