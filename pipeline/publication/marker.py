"""A line in a release's text, not shown by browsers, by which a release of ours is known."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pydantic

_LINE = re.compile(r"\n*<!-- snapstitch-release (\{[^\n]{0,2000}\}) -->\s*$")


class Marker(pydantic.BaseModel):
    """What the line says."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    schema_version: Annotated[Literal[1], pydantic.Field(alias="schema")] = 1
    tag: str
    nonce: str
    """Tells the draft that a request made from one that another request made."""
    withdrawn: bool = False


def marked(text: str, marker: Marker) -> str:
    """Return *text* with *marker* in the place of any other."""
    return f"{without_marker(text)}\n\n<!-- snapstitch-release {marker.model_dump_json(by_alias=True)} -->\n"


def without_marker(text: str) -> str:
    """Return *text* as people see it."""
    return _LINE.sub("", text.replace("\r\n", "\n"))


def find_marker(text: str | None) -> Marker | None:
    """Return the marker in a release's text, None when it is not one of ours."""
    match = _LINE.search((text or "").replace("\r\n", "\n"))
    if match is None:
        return None
    try:
        return Marker.model_validate_json(match.group(1))
    except pydantic.ValidationError:
        return None
