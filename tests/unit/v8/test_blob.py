"""Snapshots are recognised in every layout; damage is recognised and named."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.checksum import ChecksumKind
from tests.unit.v8.blobs import BlobSpec, Layout, blob

LAYOUTS: tuple[tuple[Layout, str], ...] = (
    ("old", "10.2.154.26-node.37"),
    ("new", "13.6.233.17"),
    ("read-only first", "15.0.245.2-x"),
)
SPECS = [
    BlobSpec(layout=layout, kind=kind, contexts=contexts, pointer_bytes=pointer_bytes, version=version)
    for layout, version in LAYOUTS
    for kind in ChecksumKind
    for contexts in (1, 2, 3)
    for pointer_bytes in (4, 8, 4096)
]


def parsed(data: bytes, offset: int = 0) -> SnapshotBlob:
    found = parse(data, offset)
    assert found is not None
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.layout}-{s.kind}-{s.contexts}-{s.pointer_bytes}")
def test_every_layout_is_read(spec: BlobSpec) -> None:
    data = blob(spec)
    found = parsed(b"before" + data + b"sidecar", 6)
    assert found.problems == ()
    assert (found.offset, found.size_bytes, found.version) == (6, len(data), spec.version)
    assert (found.contexts, found.rehashable, found.checksum_kind) == (spec.contexts, True, spec.kind)
    assert len(found.sections) == 3 + spec.contexts
    assert found.read_only is not None
    assert found.read_only.payload_bytes == 3000
    assert found.read_only_index == (0 if spec.layout == "read-only first" else 1)
    assert found.has_read_only_checksum is (spec.layout != "old")
    assert found.context_0.payload_bytes == 2500
    assert found.magic == 0xC0DE0563


def damaged(layout: Layout, place: int, content: bytes) -> SnapshotBlob:
    data = bytearray(blob(BlobSpec(layout=layout)))
    data[place : place + len(content)] = content
    return parsed(bytes(data))


def test_a_flipped_bit_of_the_content() -> None:
    assert damaged("old", 600, b"\0\0\0\0").problems == ("the checksum does not fit the content",)
    # The later layout has a checksum of its own over the read-only section.
    assert damaged("new", 4500, b"\0\0\0\0").problems == ("the checksum does not fit the content",)


def test_a_flipped_checksum() -> None:
    assert damaged("new", 8, b"\x12\x34").problems == ("the checksum does not fit the content",)


def test_a_flipped_magic() -> None:
    found = damaged("old", 96, b"\x99")
    assert "section 1 has the magic 0xc0de0563" in found.problems


def test_a_section_length_beyond_the_section() -> None:
    found = damaged("old", 100, struct.pack("<I", 2**31))
    assert found.problems == ("section 0 claims 2147483648 bytes, which do not fit",)


def test_shuffled_sections() -> None:
    data = blob(BlobSpec())
    second, third = struct.unpack_from("<II", data, 76)
    found = damaged("old", 76, struct.pack("<II", third, second))
    assert found.problems == ("the sections' offsets are not in order",)


def test_a_cut_snapshot() -> None:
    data = blob(BlobSpec())
    found = parsed(data[:-300])
    assert found.problems == ("section 4 claims 900 bytes, which do not fit",)
    assert parsed(data[:5000]).problems[-1] == "section 4 lies beyond the end of the file"


def test_one_that_is_cut_in_its_first_section_s_head() -> None:
    found = parsed(blob(BlobSpec())[:100])
    assert found.size_bytes == 96
    assert found.problems == tuple(f"section {number} lies beyond the end of the file" for number in range(5))


@pytest.mark.parametrize(
    ("place", "content"),
    [
        (0, b"\0\0\0\0"),
        (0, b"\1\1\0\0"),
        (4, b"\2"),
        (12, b"ten.2.154"),
        (12 + 60, b"rest"),
    ],
)
def test_what_does_not_read_like_a_header_is_none(place: int, content: bytes) -> None:
    data = bytearray(blob(BlobSpec()))
    data[place : place + len(content)] = content
    assert parse(bytes(data)) is None


def test_no_section_has_the_magic() -> None:
    assert parse(blob(BlobSpec(magic=0x12345678))) is None


@settings(max_examples=300, deadline=2000)
@given(
    layout=st.sampled_from(["old", "new", "read-only first"]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    cut=st.integers(0, 9000),
)
def test_damage_never_breaks_the_reader(layout: Layout, changes: list[tuple[int, bytes]], cut: int) -> None:
    whole = blob(BlobSpec(layout=layout))
    data = bytearray(whole)
    for place, value in changes:
        data[place : place + len(value)] = value
    found = parse(bytes(data[: len(data) - cut]))
    if found is not None:
        assert found.end <= len(data)
        assert not found.problems or bytes(data) != whole or cut
