"""The cases that both consumers, Python and JavaScript, answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "data" / "prebuilds" / "choice.json"


def vectors(kind: str) -> list[dict[str, Any]]:
    """Return the cases of one *kind*: ``selection`` or ``texts``."""
    cases: list[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))[kind]
    return cases


def title(case: dict[str, Any]) -> str:
    """Return the name of a case."""
    return str(case["title"])
