"""The reference of ``releases.toml``, made from the models, so that it cannot say something else than they do."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.model.spec import origins, prebuilds, runtime_parts, tables
from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.ci import CiSpec
from pipeline.model.spec.images import ImageSpec
from pipeline.model.spec.updater import UpdaterSpec

_INTRODUCTION = """\
# releases.toml

<!-- Made by `python -m pipeline reference > docs/releases-toml.md`; a test compares the two. -->

What is built, for which targets, and from what. The pipeline reads the nearest `releases.toml` from the working
directory upwards, or the one that `--spec` names. Unknown keys, values of a wrong type and combinations that cannot
work are all reported at once, each with its place in the file, before anything runs.
"""

_TABLES: tuple[tuple[str, type[SpecTable]], ...] = (
    ("The file", tables.Spec),
    ("`[targets.NAME]`", tables.TargetSpec),
    ("`[runtimes.NAME]`", tables.RuntimeSpec),
    ("`[runtimes.NAME.image]`", ImageSpec),
    ("`[ci]`", CiSpec),
    ('`source = { kind = "path" }`', origins.PathSource),
    ('`source = { kind = "registry" }`', origins.RegistrySource),
    ('`source = { kind = "git" }`', origins.GitSource),
    ('`v8 = { kind = "system" }`', origins.SystemVm),
    ('`v8 = { kind = "prebuilt" }`', origins.PrebuiltVm),
    ('`v8 = { kind = "source" }`', origins.SourceVm),
    ("`[[runtimes.NAME.canaries]]`", runtime_parts.Canary),
    ("`[[runtimes.NAME.companions]]`", runtime_parts.CompanionSpec),
    ("`[[runtimes.NAME.versions]]`", runtime_parts.VersionSpec),
    ("`[runtimes.NAME.updater]`", UpdaterSpec),
    ('`[prebuilds.NAME]` with `kind = "node-addon"`', prebuilds.NodeAddonSpec),
    ('`[prebuilds.NAME]` with `kind = "executable"`', prebuilds.ExecutableSpec),
    ('`source = { kind = "npm" }`', prebuilds.NpmSource),
    ('`source = { kind = "path" }` of prebuilds', prebuilds.DirectorySource),
    ("`[prebuilds.NAME.npm]`", prebuilds.NpmOutput),
    ("`[[prebuilds.NAME.npm.edits]]`", prebuilds.Edit),
    ("`[prebuilds.NAME.probe]`", prebuilds.ProbeSpec),
)
_TYPE_NAMES: dict[object, str] = {str: "string", bool: "true or false", int: "integer", float: "number", Path: "string"}


def reference_markdown() -> str:
    """Return the reference as Markdown."""
    return "\n".join([_INTRODUCTION, *(line for title, model in _TABLES for line in _section(title, model))])


def _section(title: str, model: type[SpecTable]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{_markdown(model.__doc__ or '')}\n"
    fields = [field for name, field in model.model_fields.items() if name != "kind"]
    if not fields:
        return
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        cells = (f"`{field.alias}`", type_name(field.annotation), _default(field), _markdown(field.description))
        yield f"| {' | '.join(cells)} |"
    yield ""


def type_name(annotation: object) -> str:
    """Return what a type is called in the reference."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal or (isinstance(annotation, type) and issubclass(annotation, enum.Enum)):
        values = arguments or [member.value for member in typing.cast("type[enum.Enum]", annotation)]
        return " or ".join(f"`{value}`" for value in values)
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(dict.fromkeys(type_name(a) for a in arguments if a is not type(None)))
    if origin is tuple:
        return f"list of {_plural(type_name(arguments[0]))}"
    if origin is dict:
        inner = type_name(arguments[1])
        return f"table of {'tables' if inner.startswith('table') else f'{inner}s'}"
    return _TYPE_NAMES.get(annotation, "table")


def _plural(name: str) -> str:
    if name.startswith("`"):
        return name
    return name.replace("list of", "lists of", 1) if name.startswith("list of") else f"{name}s"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    return f"`{_toml(value)}`" if value is not None else ""


def _toml(value: object) -> str:
    if isinstance(value, SpecTable):
        pairs = value.model_dump(by_alias=True, exclude_none=True)
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in pairs.items()) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | enum.Enum):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _markdown(text: str | None) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join((text or "").replace("``", "`").split())
