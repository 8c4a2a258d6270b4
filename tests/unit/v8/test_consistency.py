"""The comparison of an embedder's snapshot with V8's own, on made-up snapshots with the proportions of real ones."""

from __future__ import annotations

import random

import pytest

from pipeline.model.findings import Agreement
from pipeline.v8.blob import parse
from pipeline.v8.consistency import Comparison, Core, compare, core_of
from tests.unit.v8.blobs import BlobSpec, blob, noise

RO, CONTEXT = noise(1, 40_000), noise(2, 16_000)
SIZES = tuple(random.Random(1).choices(range(4, 30_000, 4), k=300))


def core(
    *,
    read_only: bytes = RO,
    context_0: bytes = CONTEXT,
    version: str = "10.2",
    later: bool = False,
    code_sizes: tuple[int, ...] = (),
) -> Core:
    return Core(
        version=version,
        has_read_only_checksum=later,
        read_only=read_only,
        context_0=context_0,
        code_sizes=code_sizes,
    )


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


def test_the_sizes_of_builtins_decide_before_all_else() -> None:
    listed = core(code_sizes=SIZES)
    right = compare(core(read_only=noise(5, 50_000), context_0=noise(6, 9), code_sizes=SIZES, later=True), listed)
    assert said(right) == (
        Agreement.MATCH,
        "all 300 builtins that the snapshot lists have the sizes that V8's own has",
    )
    assert right.evidence == {"embedded_builtins": 300, "own_builtins": 300, "equal": 1.0, "context_0_is_own": False}
    wrong = compare(core(code_sizes=(*SIZES[:-30], *range(30))), listed)
    assert said(wrong) == (
        Agreement.MISMATCH,
        "of the 300 builtins that the snapshot lists, 90.0% have the sizes that V8's own has",
    )
    assert (wrong.rule, wrong.evidence["context_0_is_own"]) == ("builtins", True)


def test_stray_numbers_among_the_sizes_do_no_harm() -> None:
    stray = (*SIZES[:100], 12345, *SIZES[100:], 7)
    assert compare(core(code_sizes=stray), core(code_sizes=SIZES)).verdict is Agreement.MATCH
    # V8's own list is the measure: what lacks one of its builtins is another.
    assert compare(core(code_sizes=SIZES), core(code_sizes=stray)).verdict is Agreement.MISMATCH
    assert compare(core(code_sizes=SIZES * 2), core(code_sizes=SIZES)).verdict is Agreement.MISMATCH


@pytest.mark.parametrize(
    ("embedded", "own", "words"),
    [
        ((), (), "neither snapshot lists"),
        (SIZES, (), "only one of the two lists"),
        ((), SIZES, "only one of the two lists"),
    ],
)
def test_a_later_v8_without_lists_is_not_judged(embedded: tuple[int, ...], own: tuple[int, ...], words: str) -> None:
    # Equal but for nothing: with pointer compression that is so for the wrong architecture, too.
    result = compare(core(code_sizes=embedded, later=True), core(code_sizes=own, later=True))
    assert said(result) == (Agreement.UNKNOWN, f"{words} V8's builtins in a form that is known")
    assert result.rule == "builtins"
    assert result.evidence == {
        "embedded_builtins": len(embedded),
        "own_builtins": len(own),
        "context_0_is_own": True,
    }


def test_other_versions_cannot_be_compared() -> None:
    result = compare(core(version="10.2"), core(version="10.3"))
    assert said(result) == (Agreement.UNKNOWN, "V8 10.2 and 10.3 cannot be compared")
    assert (result.rule, result.evidence) == ("version", {"embedded": "10.2", "own": "10.3"})


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
