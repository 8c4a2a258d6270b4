"""The reference says what the models say."""

from __future__ import annotations

from pathlib import Path

from pipeline.model import spec
from pipeline.model.spec_reference import reference_markdown
from pipeline.model.spec_table import SpecTable

DOCUMENT = Path(__file__).parents[3] / "docs" / "releases-toml.md"


def test_the_document_is_not_stale() -> None:
    """If this fails: python -m pipeline reference > docs/releases-toml.md."""
    assert DOCUMENT.read_text(encoding="utf-8") == reference_markdown()


def test_every_key_is_described() -> None:
    tables = [value for value in vars(spec).values() if isinstance(value, type) and issubclass(value, SpecTable)]
    undescribed = [
        f"{table.__name__}.{name}"
        for table in tables
        for name, field in table.model_fields.items()
        if not field.description and name != "kind"
    ]
    assert undescribed == []


def test_every_table_is_in_the_reference() -> None:
    text = reference_markdown()
    tables = [
        value
        for value in vars(spec).values()
        if isinstance(value, type) and issubclass(value, SpecTable) and value is not SpecTable
    ]
    missing = [
        table.__name__ for table in tables if " ".join((table.__doc__ or "").split()).replace("``", "`") not in text
    ]
    assert missing == []
