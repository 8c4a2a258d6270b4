"""Which published versions are worth a look."""

from __future__ import annotations

import pytest

from pipeline.model.sync import candidates

PUBLISHED = ("1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "2.1.0", "odd", "0.9.0")


@pytest.mark.parametrize(
    ("described", "since", "limit", "found"),
    [
        (("1.0.0",), None, 9, ("2.1.0", "2.0.0", "1.10.0", "1.9.0")),
        (("1.0.0",), None, 2, ("2.1.0", "2.0.0")),
        (("1.9.0", "2.0.0"), None, 9, ("2.1.0",)),
        (("1.0.0", "2.0.0"), "1.0.0", 9, ("2.1.0", "1.10.0", "1.9.0")),
        (("2.1.0",), None, 9, ()),
    ],
)
def test_candidates(described: tuple[str, ...], since: str | None, limit: int, found: tuple[str, ...]) -> None:
    assert candidates(PUBLISHED, described, since=since, limit=limit) == found
