"""Settings of Cargo profiles as Cargo's ``--config`` takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import pydantic

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def profile_settings(profiles: Mapping[str, Mapping[str, pydantic.JsonValue]]) -> tuple[str, ...]:
    """Return ``profile.NAME.KEY=VALUE`` for each setting of nested tables, such as per-package overrides.

    Keys and values are TOML, of which JSON's strings, numbers and booleans are a part (https://toml.io/en/v1.0.0).
    """
    return tuple(
        f"{'.'.join(map(_key, ('profile', name, *path)))}={json.dumps(value)}"
        for name, settings in profiles.items()
        for path, value in _leaves(settings)
    )


def _leaves(table: Mapping[str, pydantic.JsonValue]) -> Iterator[tuple[tuple[str, ...], pydantic.JsonValue]]:
    for key, value in table.items():
        if isinstance(value, dict):
            for path, leaf in _leaves(value):
                yield (key, *path), leaf
        else:
            yield (key,), value


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)
