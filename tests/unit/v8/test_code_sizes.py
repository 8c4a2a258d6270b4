"""Finding the sizes of builtins in snapshots and programs, on made-up ones with the layout of real ones."""

from __future__ import annotations

import random
import struct

import pytest

from pipeline.v8.code_sizes import MIN_CODES, code_sizes, equal_share, find_table, has_table, same_builtins
from tests.unit.v8.blobs import code_objects, code_table, noise

SIZES = tuple(random.Random(1).choices(range(4, 30_000, 4), k=400))


@pytest.mark.parametrize("gap", [30, 5000])
def test_sizes_are_listed_whatever_stands_between(gap: int) -> None:
    assert code_sizes(noise(1, 999) + code_objects(SIZES, gap=gap) + noise(2, 77)) == SIZES


def test_too_few_are_no_list() -> None:
    assert code_sizes(code_objects(SIZES[: MIN_CODES - 1])) == ()
    assert len(code_sizes(code_objects(SIZES[:MIN_CODES]))) == MIN_CODES
    assert code_sizes(b"") == ()


@pytest.mark.parametrize(
    "words",
    [
        (3, 0, 8, 0, 0xFFFFFFFF, 8, 8, 8),  # no code
        (3, 1 << 21, 8, 0, 0xFFFFFFFF, 8, 8, 8),  # too much of it
        (3, 100, 8, 0, 0xFFFFFFFF, 8, 8, 12),  # beyond the metadata
        (1 << 30, 100, 8, 0, 0xFFFFFFFF, 8, 8, 8),  # flags that nothing has
        (3, 100, 8, 1, 0xFFFFFFFF, 8, 8, 8),
    ],
)
def test_what_only_resembles_code_is_left_out(words: tuple[int, ...]) -> None:
    stray = struct.pack("<8I", *words)
    assert code_sizes(stray + code_objects(SIZES) + stray + stray[:20]) == SIZES


@pytest.mark.parametrize("row_bytes", [12, 32])
def test_the_table_of_a_program(row_bytes: int) -> None:
    program = noise(3, 5000) + code_table(SIZES, row_bytes=row_bytes) + noise(4, 5000)
    assert find_table(program, SIZES) == 5000 + 4
    assert has_table(program)
    others = tuple(size + 4 for size in SIZES)
    assert find_table(program, others) is None
    assert find_table(program, (*SIZES[:-1], SIZES[-1] + 4)) is None, "one other size is another build"
    assert find_table(program, SIZES[:20]) is None
    assert find_table(program[: 5000 + 12 * 300], SIZES) is None


def test_no_table_where_there_is_none() -> None:
    assert not has_table(noise(3, 5000) + bytes(5000) + b"\0\0\0\0\1\1")
    assert has_table(bytes(40 << 20) + code_table(SIZES)), "wherever it is"
    cut = code_table(SIZES)[:60]
    assert not has_table(cut)


def test_a_repeated_anchor_ends() -> None:
    assert find_table(struct.pack("<I", max(SIZES)) * 10_000, SIZES) is None


def test_shares() -> None:
    assert (equal_share((), ()), equal_share((1, 2), (1, 3)), equal_share((1,), (1, 2))) == (0.0, 0.5, 0.5)
    assert same_builtins((1, 2), (1, 2))
    assert not same_builtins((2, 1), (1, 2))
