"""The classifier of machine code, on V8's real builtins for five architectures."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.model.target import TARGETS
from pipeline.v8.builtins import LANDMARKS, MAX_CODE_BYTES, classify

SAMPLES = Path(__file__).parents[2] / "data" / "builtins"
NAMES = [target.name for target in TARGETS]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.bin").read_bytes()


def test_every_target_has_landmarks() -> None:
    assert [marks.target for marks in LANDMARKS] == [*NAMES[:3], "ppc64el", "s390x"]


@pytest.mark.parametrize("name", NAMES)
def test_real_builtins_are_recognised(name: str) -> None:
    guess = classify(sample(name))
    assert guess.target == name
    assert "in 16 KiB" in guess.evidence


@pytest.mark.parametrize("name", NAMES)
def test_builtins_with_much_padding_are_still_recognised(name: str) -> None:
    assert classify(sample(name) + b"\xcc" * 32768).target == name


@pytest.mark.parametrize(
    "noise",
    [bytes(1 << 16), b"\xcc" * (1 << 16), random.Random(1).randbytes(1 << 18), b"The quick brown fox. " * 4000],
    ids=["zeros", "padding", "random", "text"],
)
def test_what_is_no_code_is_unknown(noise: bytes) -> None:
    guess = classify(noise)
    assert guess.target is None
    assert guess.evidence.startswith("no known instructions are frequent")


def test_little_code_says_nothing() -> None:
    assert classify(sample("arm64")[:1000]).evidence == "1000 bytes are too few to tell"


def test_mixed_code_is_not_called_either() -> None:
    guess = classify(sample("arm64") + sample("amd64"))
    assert guess.target is None
    assert guess.evidence.startswith("code of ")
    assert " mixed: " in guess.evidence


def test_only_a_bounded_part_is_looked_at() -> None:
    repeated = sample("s390x") * (MAX_CODE_BYTES // 16384)
    assert classify(repeated + sample("amd64") * 64).target == "s390x"
