"""The reference says what the models say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.reference import reference_markdown

DOCUMENT = Path(__file__).parents[4] / "docs" / "releases-toml.md"


def test_the_document_is_not_stale() -> None:
    """If this fails: python -m pipeline reference > docs/releases-toml.md."""
    assert DOCUMENT.read_text(encoding="utf-8") == reference_markdown()


def tables(base: type[SpecTable] = SpecTable) -> Iterator[type[SpecTable]]:
    """Yield every kind of table that the package defines, without what only several kinds have in common."""
    for table in base.__subclasses__():
        if table.__module__.startswith("pipeline.model.spec."):
            inner = tuple(tables(table))
            yield from inner or (table,)


def test_every_key_is_described() -> None:
    undescribed = [
        f"{table.__name__}.{name}"
        for table in tables()
        for name, field in table.model_fields.items()
        if not field.description and name != "kind"
    ]
    assert undescribed == []


def test_every_table_is_in_the_reference() -> None:
    text = reference_markdown()
    missing = [
        table.__name__ for table in tables() if " ".join((table.__doc__ or "").split()).replace("``", "`") not in text
    ]
    assert missing == []
