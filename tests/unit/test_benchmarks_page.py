"""docs/benchmarks.md says what its figures say."""

from __future__ import annotations

import json

from tests.bench import page


def test_the_page_is_made_of_its_figures() -> None:
    """`nox -s bench -- --page` makes it anew."""
    figures = json.loads(page.RESULTS.read_text(encoding="utf-8"))
    assert page.PAGE.read_text(encoding="utf-8") == page.render(figures)


def test_a_part_that_was_not_measured_is_left_out() -> None:
    figures = json.loads(page.RESULTS.read_text(encoding="utf-8"))
    del figures["ways"]
    text = page.render(figures)
    assert "## The same work, done in each way" not in text
    assert "## The first build, with nothing cached" in text
