"""Which Cargo goes with a rustc."""

from __future__ import annotations

import pytest

from pipeline.model.distribution import RustFlavour
from pipeline.toolchains.choice import other_cargo

OFFERED = {"cargo": ("1.96.0-1", "1.85.0-3"), "libneeded": ("1",)}


def flavour(pattern: str | None) -> RustFlavour:
    return RustFlavour(rustc="rustc", cargo="cargo", std="std", cargo_versions=pattern, cargo_libraries=("libneeded",))


@pytest.mark.parametrize(
    ("pattern", "own", "taken"),
    [
        (None, "1.96.0-1", None),
        ("1.85.*", "1.96.0-1", "1.85.0-3"),
        ("1.85.*", "1.85.0-3", None),
        ("1.85.*", None, "1.85.0-3"),
        ("1.84.*", "1.96.0-1", None),
    ],
)
def test_another_cargo_is_taken_where_the_table_wants_one_and_it_is_offered(
    pattern: str | None, own: str | None, taken: str | None
) -> None:
    assert other_cargo(flavour(pattern), own, OFFERED) == taken


def test_another_cargo_is_not_taken_without_its_libraries() -> None:
    assert other_cargo(flavour("1.85.*"), "1.96.0-1", {"cargo": OFFERED["cargo"]}) is None
