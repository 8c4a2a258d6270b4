"""Searches window by window find what lies across their borders, once."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import pytest

from pipeline.v8 import windows
from pipeline.v8.windows import WINDOW_BYTES, find_all, find_matches, forget

BORDERS = [0, WINDOW_BYTES - 8, WINDOW_BYTES - 3, WINDOW_BYTES, WINDOW_BYTES + 1, 2 * WINDOW_BYTES - 1]


@pytest.fixture
def content() -> bytearray:
    data = bytearray(2 * WINDOW_BYTES + 100)
    for place in BORDERS:
        data[place] = 7
    return data


def test_every_occurrence_is_found_once(content: bytearray) -> None:
    assert list(find_all(bytes(content), b"\7")) == BORDERS
    pair = bytearray(2 * WINDOW_BYTES)
    pair[WINDOW_BYTES - 1 : WINDOW_BYTES + 1] = b"ab"
    assert list(find_all(bytes(pair), b"ab")) == [WINDOW_BYTES - 1]
    assert list(find_all(b"", b"ab")) == []


def test_matches_across_a_border() -> None:
    data = bytearray(2 * WINDOW_BYTES)
    for place in (WINDOW_BYTES - 2, WINDOW_BYTES + 50):
        data[place : place + 4] = b"abcd"
    assert [m.span() for m in find_matches(bytes(data), re.compile(b"ab..|cd"), 8)] == [
        (WINDOW_BYTES - 2, WINDOW_BYTES + 2),
        (WINDOW_BYTES + 50, WINDOW_BYTES + 54),
    ]


def test_memory_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 1 << 20)
    path = tmp_path / "large"
    path.write_bytes(bytes(64 << 20))
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert list(find_all(data, b"x")) == []
        assert resident_bytes(path) < 8 << 20
        assert data[5:7] == b"\0\0"
        forget(data, 1 << 30, 1 << 31)


def resident_bytes(path: Path) -> int:
    """How much of a mapped file this process holds in memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    for line in lines:
        if line.endswith(str(path)):
            return next(int(entry.split()[1]) * 1024 for entry in lines if entry.startswith("Rss:"))
    raise AssertionError("it is not mapped")
