"""Packages and their versions."""

from __future__ import annotations

import pytest

from pipeline.model.package import without_rebuild


@pytest.mark.parametrize(
    ("version", "source"),
    [
        ("1.96.0+dfsg1-1~deb13u1+b1", "1.96.0+dfsg1-1~deb13u1"),
        ("1.96.0+dfsg1-1~deb13u1", "1.96.0+dfsg1-1~deb13u1"),
        ("1.0+b", "1.0+b"),
        ("1.0+b2c", "1.0+b2c"),
        ("1:7.2+dfsg-7+deb12u18+b3", "1:7.2+dfsg-7+deb12u18"),
    ],
)
def test_the_number_of_a_rebuild_is_cut_off(version: str, source: str) -> None:
    assert without_rebuild(version) == source
