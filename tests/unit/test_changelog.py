"""Fragments of the changelog: each is named as towncrier reads it, and says something."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md")
TYPES = "|".join(kind["directory"] for kind in SETTINGS["type"])


def test_the_changelog_has_the_place_where_releases_go() -> None:
    assert "<!-- towncrier release notes start -->\n" in (ROOT / SETTINGS["filename"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_named_and_says_something(path: Path) -> None:
    assert re.fullmatch(rf"(\d+|\+[a-z0-9-]+)\.({TYPES})\.md", path.name)
    text = path.read_text(encoding="utf-8")
    assert text.strip().endswith(".")
    assert text.endswith("\n")
