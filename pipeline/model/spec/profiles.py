"""Settings of Cargo profiles as Cargo's ``--config`` takes them, and which packages their overrides are for."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping

import pydantic

from pipeline.model.analysis import PackageKey

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BUILT_IN = frozenset({"dev", "release", "test", "bench"})
"""Profiles that Cargo has by itself (The Cargo Book, "Profiles")."""
_WILDCARD = "*"

Profiles = Mapping[str, Mapping[str, pydantic.JsonValue]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unmatched:
    """An override for a package that is not there."""

    profile: str
    package: str
    """As it is written, such as ``serde`` or ``serde@1.0.0``."""
    near: str | None
    """A package of nearly the same name."""

    def __str__(self) -> str:
        """Return the override in words."""
        guess = f"; did you mean {self.near!r}?" if self.near else ""
        return f"the profile {self.profile!r} has settings for {self.package!r}, which Cargo.lock does not name{guess}"


def chosen(profiles: Profiles, name: str) -> Profiles:
    """Return what *profiles* say about the profile *name*, and about those of them that it inherits from.

    To inherit from a profile that Cargo has by itself means the one of Cargo and the sources, not one that is
    described beside it: what is said about ``release`` reaches a build only when ``release`` is asked for.
    """
    found: dict[str, Mapping[str, pydantic.JsonValue]] = {}
    following: object = name
    while isinstance(following, str) and following in profiles and following not in found:
        found[following] = profiles[following]
        inherited = profiles[following].get("inherits")
        following = None if inherited in _BUILT_IN else inherited
    return found


def profile_settings(profiles: Profiles) -> tuple[str, ...]:
    """Return ``profile.NAME.KEY=VALUE`` for each setting of nested tables, such as per-package overrides.

    Keys and values are TOML, of which JSON's strings, numbers and booleans are a part (https://toml.io/en/v1.0.0).
    """
    return tuple(
        f"{'.'.join(map(_key, ('profile', name, *path)))}={json.dumps(value)}"
        for name, settings in profiles.items()
        for path, value in _leaves(settings)
    )


def unmatched_overrides(profiles: Profiles, locked: Iterable[PackageKey]) -> tuple[Unmatched, ...]:
    """Return the overrides for packages that *locked* lacks: Cargo says nothing of those that come by ``--config``."""
    versions: dict[str, list[str]] = {}
    for key in locked:
        versions.setdefault(key.name, []).append(key.version)
    return tuple(
        Unmatched(profile=name, package=spec, near=next(iter(difflib.get_close_matches(spec, versions, n=1)), None))
        for name, settings in profiles.items()
        for spec in _overridden(settings)
        if not _matches(spec, versions)
    )


def _overridden(settings: Mapping[str, pydantic.JsonValue]) -> Iterator[str]:
    packages = settings.get("package")
    yield from packages if isinstance(packages, dict) else ()


def _matches(spec: str, versions: Mapping[str, list[str]]) -> bool:
    """Return whether a package id specification fits a package (The Cargo Book, "Package ID Specifications")."""
    if spec == _WILDCARD or "/" in spec:
        # Of an address we know too little: such as whether a branch is meant.
        return True
    name, _separator, version = spec.replace(":", "@").partition("@")
    return any(not version or f"{there}.".startswith(f"{version}.") for there in versions.get(name, ()))


def _leaves(table: Mapping[str, pydantic.JsonValue]) -> Iterator[tuple[tuple[str, ...], pydantic.JsonValue]]:
    for key, value in table.items():
        if isinstance(value, dict):
            for path, leaf in _leaves(value):
                yield (key, *path), leaf
        else:
            yield (key,), value


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)
