"""Read a parsed ``releases.toml`` into a ``Spec``; every mistake in it is in one error, each with its place."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence

import pydantic
from pydantic_core import ErrorDetails

from pipeline.errors import SpecError
from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.clashes import clashes
from pipeline.model.spec.tables import Spec

Location = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEY_MARK = "[key]"
"""How pydantic marks a mistake in a key, as opposed to its value."""

_MUST_BE = {
    "tuple_type": "a list",
    "string_type": "a string",
    "path_type": "a string",
    "int_type": "an integer",
    "bool_type": "true or false",
    "float_type": "a number",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_TOML_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a table"),
)


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One mistake: its place in the file, such as ``runtimes.app.targets[2]``, and what is wrong."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return the mistake as one line."""
        return f"{self.path}: {self.message}"


def parse_spec(document: Mapping[str, object], *, file_name: str = "releases.toml") -> Spec:
    """Return the specification in *document*, which is what a TOML parser made of *file_name*.

    Raises SpecError with all mistakes, in the order of their places.
    """
    spec, problems = _validate(document)
    problems = [*problems, *_cross_problems(document)]
    if spec is not None:
        problems += [Problem(path=_text(clash.keys), message=clash.message) for clash in clashes(spec)]
    if spec is not None and not problems:
        return spec
    lines = [str(problem) for problem in sorted(set(problems))]
    count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    raise SpecError(
        f"{file_name} has {count}",
        cause="a misspelt key, or a value that does not fit",
        action=f"correct {file_name}; docs/releases-toml.md describes every key",
        details="\n".join(lines),
    )


def _validate(document: Mapping[str, object]) -> tuple[Spec | None, list[Problem]]:
    """Validate again and again without what was wrong: rules over several keys need keys that are right."""
    remaining = copy.deepcopy(dict(document))
    problems: list[Problem] = []
    while True:
        try:
            return Spec.model_validate(remaining, by_alias=True, by_name=False), problems
        except pydantic.ValidationError as error:
            details = error.errors(include_url=False)
        # What is missing in a later round may be missing because an earlier one took it away.
        told = [detail for detail in details if not problems or detail["type"] != "missing"]
        problems += [problem for detail in told for problem in _problems_of(detail)]
        if not any([_prune(remaining, _keys_of(detail["loc"])[0]) for detail in details]):  # noqa: C419 - prune all
            return None, problems


def _cross_problems(document: Mapping[str, object]) -> list[Problem]:
    runtimes = document.get("runtimes", {})
    if not isinstance(runtimes, dict):
        return []
    named = {"default-runtime": document.get("default-runtime")}
    ci = document.get("ci")
    wanted = ci.get("runtimes") if isinstance(ci, dict) else None
    named |= {f"ci.runtimes[{number}]": name for number, name in enumerate(wanted if isinstance(wanted, list) else ())}
    return [
        Problem(path=path, message=f"there is no runtime {name!r}{_guess(name, runtimes)}")
        for path, name in named.items()
        if isinstance(name, str) and name not in runtimes
    ]


def _prune(document: dict[str, object], keys: Location) -> bool:
    """Remove the value at *keys*, or the table that should hold it; return whether anything was removed."""
    here: object = document
    for depth, key in enumerate(keys[:-1]):
        inner = _child(here, key)
        if inner is None:
            return _prune(document, keys[:depth])
        here = inner
    if not keys:
        return False
    if isinstance(here, dict) and keys[-1] in here:
        del here[keys[-1]]
        return True
    # An item of a list goes with its list, or the places of the items after it would be wrong in the next round.
    return _prune(document, keys[:-1])


def _child(container: object, key: str | int) -> object:
    if isinstance(container, dict):
        return container.get(key)
    if isinstance(container, list) and isinstance(key, int) and key < len(container):
        return container[key]
    return None


def _problems_of(detail: ErrorDetails) -> list[Problem]:
    """Return one problem, or one for each line where a rule over several keys found more."""
    problem = _problem(detail)
    return [dataclasses.replace(problem, message=line) for line in problem.message.splitlines()]


def _problem(detail: ErrorDetails) -> Problem:
    keys, owner = _keys_of(detail["loc"])
    kind, value = detail["type"], detail.get("input")
    if kind.startswith("union_tag"):
        return _tag_problem(keys, detail)
    if kind == "extra_forbidden":
        known = _keys_of_table(owner)
        hint = _guess(str(keys[-1]), known) or f"; known here: {', '.join(known)}"
        return Problem(path=_text(keys), message=f"unknown key{hint}")
    return Problem(path=_text(keys), message=_message(kind, value, detail))


def _message(kind: str, value: object, detail: ErrorDetails) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "too_short":
        return "must have at least one item"
    if kind in _MUST_BE:
        return f"must be {_MUST_BE[kind]}, not {_toml_type(value)}"
    words = re.sub(r"^(Input|String) should ", "must ", detail["msg"])
    return f"{words}, not {value!r}"


def _tag_problem(keys: Location, detail: ErrorDetails) -> Problem:
    expected = [tag.strip(" '") for tag in str(detail.get("ctx", {}).get("expected_tags", "")).split(",")]
    if detail["type"] == "union_tag_not_found":
        return Problem(path=_text((*keys, "kind")), message="is missing")
    tag = str(detail["ctx"]["tag"])
    hint = _guess(tag, expected)
    return Problem(
        path=_text((*keys, "kind")), message=f"there is no kind {tag!r}{hint} (known: {', '.join(expected)})"
    )


def _keys_of(location: Sequence[str | int]) -> tuple[Location, object]:
    """Return the keys in *location*, without what pydantic adds to it, and the type that owns the last of them."""
    keys: list[str | int] = []
    here: object = Spec
    owner: object = Spec
    for part in location:
        tagged = _tagged_table(here, part)
        if tagged is not None:
            here = tagged
        elif part != _KEY_MARK:
            keys.append(part)
            owner, here = here, _type_below(here, part)
    return tuple(keys), owner


def _tagged_table(annotation: object, tag: str | int) -> type[SpecTable] | None:
    """Return the table of a union that has this ``kind``; None where there is no union of tables."""
    for member in _tables_of(annotation):
        if tag in typing.get_args(member.model_fields["kind"].annotation):
            return member
    return None


def _tables_of(annotation: object) -> list[type[SpecTable]]:
    if typing.get_origin(annotation) not in {types.UnionType, typing.Union}:
        return []
    members = typing.get_args(annotation)
    return [m for m in members if isinstance(m, type) and issubclass(m, SpecTable) and "kind" in m.model_fields]


def _type_below(annotation: object, key: str | int) -> object:
    if isinstance(annotation, type) and issubclass(annotation, SpecTable):
        return next((f.annotation for f in annotation.model_fields.values() if f.alias == key), None)
    if typing.get_origin(annotation) is dict:
        inner = typing.get_args(annotation)[1]
        return typing.get_args(inner)[0] if typing.get_origin(inner) is typing.Annotated else inner
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0]
    return None


def _keys_of_table(owner: object) -> list[str]:
    if isinstance(owner, type) and issubclass(owner, SpecTable):
        return [field.alias or name for name, field in owner.model_fields.items()]
    return []


def _guess(word: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _toml_type(value: object) -> str:
    return next((name for kind, name in _TOML_TYPES if isinstance(value, kind)), "a date or time")


def _text(keys: Location) -> str:
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            bare = key if _BARE_KEY.fullmatch(key) else '"' + key.replace('"', '\\"') + '"'
            text += f".{bare}" if text else bare
    return text or "the file"
