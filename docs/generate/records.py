"""The reference of the JSON files that are written for others, from their schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.generate.commands import escaped
from pipeline.model.schemas import SCHEMAS

_INTRODUCTION = """\
# Records

<!-- Made by `nox -s docs`; a test compares it with the code. -->

The JSON files that are written for others. Each has a schema (JSON Schema, draft 2020-12), made from the models
that write the file; `snapstitch reference --schema NAME` prints it.
"""
_WRITTEN_BY = {
    "build-info": "`build`, beside each zip, as `<name>.build-info.json`; [what it is for](../build-info.md)",
    "components": "`build`, beside each zip, as `<name>.components.json`",
    "prebuilds": "`prebuild`, as `prebuilds.json`; [what it is for](../prebuilds.md)",
    "release": "`release assemble`, as `release.json`; [what it is for](../releases.md)",
    "verify": "`verify --json`, on standard output; [what is checked](../verify.md)",
}


def records_markdown() -> str:
    """Return the page."""
    lines = [_INTRODUCTION]
    for name, make in SCHEMAS.items():
        lines += [f"## {name}", "", f"Written by {_WRITTEN_BY[name]}. [Schema](../schema/{name}.json).", ""]
        lines += _tables(make())
    return "\n".join(lines).rstrip() + "\n"


def _tables(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from _table(schema)
    for name, definition in sorted(schema.get("$defs", {}).items()):
        yield from (f"### {name}", "")
        yield from _table(definition)


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (_text(schema.get("description", "")), "")
    if "enum" in schema:
        yield from ("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".", "")
    properties = schema.get("properties", {})
    if not properties:
        return
    required = set(schema.get("required", ()))
    yield from ("| key | type | meaning |", "|---|---|---|")
    for name, described in properties.items():
        mark = "" if name in required else " (may be left out)"
        yield f"| `{name}` | {_type(described)}{mark} | {_text(described.get('description', ''))} |"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in schema:
        return f"`{str(schema['$ref']).rpartition('/')[2]}`"
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    parts = schema.get("anyOf") or schema.get("oneOf") or ()
    if values or parts:
        return " or ".join(dict.fromkeys([*(f"`{value}`" for value in values), *map(_type, parts)]))
    return _plain_type(schema)


def _plain_type(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "any value"))


def _text(text: str) -> str:
    return escaped(" ".join(text.replace("``", "`").split()))
