from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.model.schemas import SCHEMAS

DIRECTORY = Path(__file__).parents[3] / "docs" / "schema"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_published_schemas_are_fresh(name: str) -> None:
    published = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    assert published == SCHEMAS[name](), f"run: python -m pipeline reference --schema {name} > docs/schema/{name}.json"


def test_every_published_schema_is_made_from_a_model() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == {f"{name}.json" for name in SCHEMAS}
