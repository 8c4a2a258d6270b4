"""Times and quantities in words."""

from __future__ import annotations

import pytest

from pipeline.report import wording


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0.004, "0.00 s"),
        (0.42, "0.42 s"),
        (1.0, "1.0 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (3725.4, "62 min 05 s"),
    ],
)
def test_seconds(duration_s: float, text: str) -> None:
    assert wording.seconds(duration_s) == text


def test_quantity() -> None:
    assert wording.quantity(45_200_000, "B") == "45.2 MB"
    assert wording.quantity(1234, "files") == "1,234 files"


def test_share() -> None:
    assert wording.share(45_200_000, 298_000_000, "B") == "45.2 MB of 298.0 MB"
    assert wording.share(3, 10, "packages") == "3 of 10 packages"
    assert wording.share(3, 0, "packages") == "3 packages"


def test_short_digest() -> None:
    assert wording.short_digest("0123456789abcdef" * 4) == "0123456789ab"
