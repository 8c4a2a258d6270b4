"""The comparison of an embedder's snapshot with V8's own, on made-up snapshots with the proportions of real ones."""

from __future__ import annotations

import pytest

from pipeline.model.findings import Agreement
from pipeline.v8.blob import parse
from pipeline.v8.consistency import Comparison, Core, compare, core_of
from tests.unit.v8.blobs import BlobSpec, blob, noise

RO, CONTEXT = noise(1, 40_000), noise(2, 16_000)


def core(*, read_only: bytes = RO, context_0: bytes = CONTEXT, version: str = "10.2", later: bool = False) -> Core:
    return Core(version=version, has_read_only_checksum=later, read_only=read_only, context_0=context_0)


def altered(data: bytes, every: int) -> bytes:
    """Return *data* with each *every*-th byte changed."""
    return bytes(byte ^ 0xFF if i % every == 0 else byte for i, byte in enumerate(data))


def said(result: Comparison) -> tuple[Agreement, str]:
    return result.verdict, result.explanation


def test_equal_but_for_hashes_is_a_match() -> None:
    result = compare(core(read_only=altered(RO, 300), context_0=noise(9, 20_000)), core())
    assert said(result) == (Agreement.MATCH, "the snapshot's read-only section is 89% equal to V8's own")
    assert result.rule == "read-only section"


def test_same_size_and_other_content_is_a_mismatch() -> None:
    # Every eighth byte differs: most bytes are equal, but no block is; that is how arm64 and s390x differ.
    result = compare(core(read_only=altered(RO, 8)), core())
    assert said(result) == (Agreement.MISMATCH, "the snapshot's read-only section is 0% equal to V8's own")


@pytest.mark.parametrize("size", [39_992, 40_008, 10_000])
def test_another_size_is_a_mismatch_up_to_v8_11(size: int) -> None:
    result = compare(core(read_only=noise(1, size)), core())
    words = f"the snapshot's read-only section has {size} bytes, V8's own 40000"
    assert said(result) == (Agreement.MISMATCH, words)


def test_later_v8_with_equal_read_only_sections() -> None:
    right = compare(core(read_only=altered(RO, 7), context_0=b"x" * 99, later=True), core(later=True))
    assert said(right) == (Agreement.MATCH, "the snapshot's read-only section is 86% equal to V8's own")
    wrong = compare(core(read_only=noise(7, 40_000), later=True), core(later=True))
    assert wrong.verdict is Agreement.MISMATCH


def test_later_v8_never_takes_from_the_read_only_section() -> None:
    result = compare(core(read_only=RO[:-8], later=True), core(later=True))
    assert said(result) == (
        Agreement.MISMATCH,
        "the snapshot's read-only section has 39992 bytes, V8's own 40000",
    )


def test_later_v8_with_an_equal_default_context() -> None:
    result = compare(core(read_only=noise(5, 90_000), later=True), core(later=True))
    assert said(result) == (Agreement.MATCH, "the snapshot's default context is V8's own, byte for byte")
    assert result.rule == "context 0"


def test_later_v8_with_a_plain_context_of_another_build() -> None:
    other = CONTEXT[8000:] + CONTEXT[:4000] + noise(6, 4200)
    result = compare(core(read_only=noise(5, 90_000), context_0=other, later=True), core(later=True))
    assert said(result) == (
        Agreement.MISMATCH,
        "the snapshot's default context is a plain one (75% of its pieces are V8's own) made by another build of V8",
    )


def test_later_v8_with_a_context_that_the_embedder_filled() -> None:
    for context in (CONTEXT + noise(6, 9000), noise(7, 16_000)):
        result = compare(core(read_only=noise(5, 90_000), context_0=context, later=True), core(later=True))
        words = "the snapshot's default context was filled by the embedder, so it tells nothing"
        assert said(result) == (Agreement.UNKNOWN, words)


def test_other_versions_cannot_be_compared() -> None:
    result = compare(core(version="10.2"), core(version="10.3"))
    assert said(result) == (Agreement.UNKNOWN, "V8 10.2 and 10.3 cannot be compared")


def test_the_core_of_a_snapshot() -> None:
    spec = BlobSpec(read_only=RO, context_0=CONTEXT)
    data = b"xyz" + blob(spec)
    found = parse(data, 3)
    assert found is not None
    result = core_of(data, found)
    assert result is not None
    assert (result.version, result.has_read_only_checksum) == (spec.version, False)
    assert result.read_only is not None
    assert result.read_only[8:] == RO
    assert result.context_0[8:] == CONTEXT


def test_a_damaged_snapshot_has_no_core() -> None:
    data = bytearray(blob(BlobSpec()))
    data[-1] ^= 1
    found = parse(bytes(data))
    assert found is not None
    assert core_of(bytes(data), found) is None
