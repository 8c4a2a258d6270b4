"""What all tables of ``releases.toml`` have in common."""

from __future__ import annotations

import pydantic


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class SpecTable(pydantic.BaseModel):
    """A table of the file: frozen, with kebab-case keys, and no key that is not described here."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=_kebab,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )
