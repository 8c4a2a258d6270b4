"""The two checksums against their definitions."""

from __future__ import annotations

import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.v8.checksum import ChecksumKind, adler32, checksum, fletcher32
from tests.unit.v8.blobs import noise


def fletcher32_by_definition(data: bytes) -> int:
    return (sum(itertools.accumulate(data)) % 65535) << 16 | sum(data) % 65535


@given(data=st.binary(max_size=3000), start=st.integers(0, 50), cut=st.integers(0, 50))
def test_fletcher32_is_its_definition(data: bytes, start: int, cut: int) -> None:
    end = max(start, len(data) - cut)
    assert fletcher32(data, start, min(end, len(data))) == fletcher32_by_definition(data[start:end])


@pytest.mark.parametrize("size", [8191, 8192, 8193, 8192 * 1024, 8192 * 1024 + 1, 9_000_001])
def test_fletcher32_at_the_edges_of_rows_and_blocks(size: int) -> None:
    data = noise(size, size)
    assert fletcher32(data, 0, size) == fletcher32_by_definition(data)


def test_fletcher32_with_the_largest_sums() -> None:
    data = b"\xff" * (8192 * 1024 + 5)
    assert fletcher32(data, 0, len(data)) == fletcher32_by_definition(data)


def test_adler32_begins_from_zero_and_crosses_windows() -> None:
    data = noise(1, 2_500_000)
    assert adler32(data, 3, len(data) - 5) == zlib.adler32(data[3:-5], 0)
    assert adler32(b"", 0, 0) == 0


def test_checksum_takes_the_kind() -> None:
    assert checksum(ChecksumKind.ADLER32, b"snapshot", 0, 8) == zlib.adler32(b"snapshot", 0)
    assert checksum(ChecksumKind.FLETCHER32, b"snapshot", 0, 8) == fletcher32_by_definition(b"snapshot")
