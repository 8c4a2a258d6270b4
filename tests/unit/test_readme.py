"""What the README names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_ci_runs_the_tests_of_the_readme() -> None:
    assert "nox -s tests" in README
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"/nox\" --sessions .*\btests\b", script)
