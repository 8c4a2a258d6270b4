"""Snapshots are found wherever they lie, and pieces of files are found without reading them whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.v8.scan import MAX_BLOBS, find_blobs, find_bytes, mapped, scan_file
from tests.unit.v8.blobs import BlobSpec, blob, noise

OLD, NEW = BlobSpec(), BlobSpec(layout="new", version="14.7.173.20-rusty", contexts=1)


def test_all_snapshots_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "program"
    parts = [noise(5, 100_003), blob(OLD), b"10.2.154.26-node.37\0" * 9, blob(NEW), bytes(5000), b"1.2.11" + bytes(99)]
    path.write_bytes(b"".join(parts))
    found = scan_file(path)
    assert [(item.offset, item.version, item.problems) for item in found] == [
        (100_003, OLD.version, ()),
        (100_003 + len(parts[1]) + len(parts[2]), NEW.version, ()),
    ]


def test_a_snapshot_inside_a_sound_one_is_not_looked_at() -> None:
    assert len(find_blobs(blob(BlobSpec(startup=blob(NEW))))) == 1


def test_a_damaged_snapshot_hides_nothing() -> None:
    outer = bytearray(blob(BlobSpec(startup=bytes(8) + blob(NEW))))
    outer[-1] ^= 1
    assert [item.version for item in find_blobs(bytes(outer))] == [OLD.version, NEW.version]


def test_the_number_of_snapshots_is_limited() -> None:
    assert len(find_blobs(blob(NEW) * (MAX_BLOBS + 5))) == MAX_BLOBS


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert scan_file(tmp_path / "empty") == ()


@given(data=st.binary(max_size=600), start=st.integers(0, 600), size=st.integers(0, 600))
def test_find_bytes_agrees_with_find(data: bytes, start: int, size: int) -> None:
    wanted = data[start : start + size]
    assert find_bytes(data, wanted) == (data.find(wanted) if wanted else -1)


@given(data=st.binary(max_size=300), wanted=st.binary(min_size=1, max_size=40))
def test_find_bytes_finds_nothing_that_is_not_there(data: bytes, wanted: bytes) -> None:
    assert (find_bytes(data, wanted) >= 0) is (wanted in data)


def test_find_bytes_in_zeros_is_quick(tmp_path: Path) -> None:
    # A plain search compares the leading zeros at every place: a million times a million steps.
    path = tmp_path / "zeros"
    path.write_bytes(bytes(4_000_000) + b"the end")
    with mapped(path) as data:
        assert find_bytes(data, bytes(1_000_000) + b"the enD" + bytes(50)) == -1
        assert find_bytes(data, bytes(1_000_000) + b"the end") == 3_000_000


@pytest.mark.parametrize("offset", [0, 1, 12345])
def test_a_changed_byte_is_noticed(offset: int) -> None:
    wanted = noise(1, 50_000)
    data = bytearray(noise(2, 1000) + wanted)
    assert find_bytes(bytes(data), wanted) == 1000
    data[1000 + offset] ^= 1
    assert find_bytes(bytes(data), wanted) == -1
