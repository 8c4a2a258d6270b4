"""Changes to ``releases.toml`` that keep its comments, its order and its form."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import tomlkit
import tomlkit.exceptions

from pipeline.errors import SpecError
from pipeline.model.spec.reader import parse_spec
from pipeline.model.sync import NewVersion

WIDTH = 118


def with_versions(text: str, found: Iterable[NewVersion]) -> str:
    """Return *text* with an entry under ``versions`` for each version, the rest as it was, byte for byte.

    Raises SpecError when that cannot be done, or the result would not be valid.
    """
    new = text
    for one in found:
        new = _with_version(new, one)
    if new != text:
        parse_spec(tomlkit.parse(new).unwrap())
    return new


def _with_version(text: str, one: NewVersion) -> str:
    """Put the entry behind the last of ``versions``, or behind the runtime's own table; see what became of the file."""
    lines = text.splitlines(keepends=True)
    at = _end_of(lines, f"[[runtimes.{one.runtime}.versions]]") or _end_of(lines, f"[runtimes.{one.runtime}]")
    if at is None:
        raise _other_form(one)
    before = lines[:at]
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    apart = "\n" if at < len(lines) and lines[at].strip() else ""
    new = "".join((*before, "\n", _entry(one), apart, *lines[at:]))
    if _plain(new) != _expected(text, one):
        raise _other_form(one)
    return new


def _end_of(lines: list[str], header: str) -> int | None:
    """Return where the last table with that header ends: behind its last key, before blanks and comments."""
    headers = [number for number, line in enumerate(lines) if line.split("#")[0].strip() == header]
    if not headers:
        return None
    tables = (number for number in range(headers[-1] + 1, len(lines)) if lines[number].startswith("["))
    end = next(tables, len(lines))
    while lines[end - 1].strip() == "" or lines[end - 1].startswith("#"):
        end -= 1
    return end


def _entry(one: NewVersion) -> str:
    table = tomlkit.table()
    table.add("version", one.version)
    if one.rev:
        table.add("rev", one.rev)
    table.add("buildable", one.buildable)
    if one.rust:
        table.add("rust", one.rust)
    comments = [line for text in _sentences(one) for line in textwrap.wrap(text, WIDTH)]
    return "".join(f"# {line}\n" for line in comments) + f"[[runtimes.{one.runtime}.versions]]\n" + table.as_string()


def _sentences(one: NewVersion) -> Iterator[str]:
    vm = f"{one.vm_crate} {one.vm_version}" if one.vm_version else f"which {one.vm_crate} it has was not found out"
    yield f"Found by `sync`: {vm}."
    for reason in one.obstacles:
        yield f"Not yet: {' '.join(reason.split())}."


def _expected(text: str, one: NewVersion) -> dict[str, Any]:
    document = copy.deepcopy(_plain(text))
    entry: dict[str, Any] = {"version": one.version, "buildable": one.buildable}
    if one.rev:
        entry["rev"] = one.rev
    if one.rust:
        entry["rust"] = one.rust
    document["runtimes"][one.runtime].setdefault("versions", []).append(entry)
    return document


def _plain(text: str) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = tomlkit.parse(text).unwrap()
    except tomlkit.exceptions.TOMLKitError as error:
        raise SpecError(
            f"releases.toml cannot be changed: {error}",
            cause="it is not valid TOML, or a quote is missing",
            action="correct it; https://toml.io describes the format",
        ) from error
    return plain


def _other_form(one: NewVersion) -> SpecError:
    return SpecError(
        f"releases.toml cannot be given a version {one.version} of {one.runtime}",
        cause=f"{one.runtime} is not written as a table [runtimes.{one.runtime}] of its own",
        action=f"write it as [runtimes.{one.runtime}], or add [[runtimes.{one.runtime}.versions]] by hand",
    )
