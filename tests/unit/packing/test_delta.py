from __future__ import annotations

import contextlib
import random
import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ArchiveError
from pipeline.model.releases.manifest import DeltaFormat
from pipeline.packing import delta

both = pytest.mark.parametrize("kind", DeltaFormat)


def noise(size_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


OLD = noise(200_000)
NEW = OLD[:1000] + b"new words" + OLD[1000:150_000] + OLD[160_000:]


@both
def test_a_small_change_makes_a_small_delta_that_leads_to_the_new_bytes(kind: DeltaFormat) -> None:
    made = delta.make(kind, OLD, NEW)
    assert len(made) < 500
    assert delta.apply(kind, OLD, made, new_bytes=len(NEW)) == NEW


@both
def test_equal_input_gives_equal_bytes(kind: DeltaFormat) -> None:
    assert delta.make(kind, OLD, NEW) == delta.make(kind, OLD, NEW)


@both
@given(old=st.binary(max_size=300), new=st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_pair(kind: DeltaFormat, old: bytes, new: bytes) -> None:
    assert delta.apply(kind, old, delta.make(kind, old, new), new_bytes=len(new)) == new


@both
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_delta_makes_the_new_bytes_or_an_error(kind: DeltaFormat, data: st.DataObject) -> None:
    made = bytearray(delta.make(kind, OLD[:2000], NEW[:2000]))
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ArchiveError):
        assert delta.apply(kind, OLD[:2000], bytes(made), new_bytes=2000) == NEW[:2000]


@both
def test_a_cut_delta_is_refused(kind: DeltaFormat) -> None:
    made = delta.make(kind, OLD, NEW)
    with pytest.raises(ArchiveError, match="the delta cannot be applied: it ends too early"):
        delta.apply(kind, OLD, made[:-5], new_bytes=len(NEW))


@both
def test_a_delta_that_makes_more_or_less_than_it_should_is_refused(kind: DeltaFormat) -> None:
    made = delta.make(kind, OLD, NEW)
    for wrong in (len(NEW) - 1, len(NEW) + 1):
        with pytest.raises(ArchiveError, match="the delta cannot be applied"):
            delta.apply(kind, OLD, made, new_bytes=wrong)


def test_the_whole_message() -> None:
    with pytest.raises(ArchiveError) as caught:
        delta.apply(DeltaFormat.BSDIFF, b"", packed(b"1234"), new_bytes=10)
    assert str(caught.value) == (
        "error: the delta cannot be applied: it ends in the middle of a turn\n"
        "  usual cause: it is cut or damaged, or it was made for another old version\n"
        "  what to do:  get it again, or take the whole file of the release"
    )


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (struct.pack("<QQQ", 0, 1 << 63, 0), "a turn is longer than what is left"),
        (struct.pack("<QQQ", 11, 0, 0) + b"x" * 11, "a turn is longer than what is left"),
        (struct.pack("<QQQ", 0, 9, 0) + b"x" * 9, "it makes 9 bytes, and not 10"),
        (b"\0" * (4 * 10 + 1024 * 1024 + 1), "it unpacks to more than 1048616 bytes"),
    ],
)
def test_absurd_turns_are_refused(stream: bytes, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        delta.apply(DeltaFormat.BSDIFF, OLD, packed(stream), new_bytes=10)


def test_the_last_turn_leads_nowhere() -> None:
    """Readers in Rust refuse a place before the beginning, which the library's last turn may name."""
    stream = zstandard.ZstdDecompressor().decompress(delta.make(DeltaFormat.BSDIFF, b"abcdefgh" * 9, b"abcdefgh"))
    assert struct.unpack_from("<QQQ", stream)[2] == 0


def test_ordinary_readers_take_a_bsdiff_of_anything() -> None:
    made = delta.make(DeltaFormat.BSDIFF, noise(1000), noise(9_000_000, seed=2))
    assert zstandard.get_frame_parameters(made).window_size <= 1 << 27


def test_large_content_gets_no_bsdiff_and_huge_content_nothing() -> None:
    assert delta.formats(1000, 1000) == (DeltaFormat.BSDIFF, DeltaFormat.ZSTD_PATCH)
    assert delta.formats(1000, 257 * 1024**2) == (DeltaFormat.ZSTD_PATCH,)
    assert delta.formats(2 * 1024**3, 1000) == ()
    with pytest.raises(ArchiveError, match="it is about more than 1073741824 bytes"):
        delta.apply(DeltaFormat.BSDIFF, b"", b"", new_bytes=2 * 1024**3)


def packed(stream: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(stream)
