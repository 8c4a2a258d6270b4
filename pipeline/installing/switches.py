"""Variables that people know from packages with prebuilds: ``NAME_BINARY`` and the like."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

_ON = frozenset({"1", "true", "yes", "on"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Switches:
    """What the environment says about one addon or program."""

    prefix: str
    """Of its variables, such as ``CRC32``."""
    binary: str | None = None
    """A file to take as it is."""
    mirror: str | None = None
    skip_download: bool = False
    from_source: bool = False


def read_switches(name: str, environ: Mapping[str, str]) -> Switches:
    """Return what *environ* says about *name*."""
    prefix = re.sub(r"[^A-Z0-9]", "_", name.removeprefix("@").upper())

    def own(suffix: str) -> str | None:
        return environ.get(f"{prefix}_{suffix}") or None

    return Switches(
        prefix=prefix,
        binary=own("BINARY") or own("BINARY_PATH"),
        mirror=own("BINARY_MIRROR"),
        skip_download=_is_on(own("SKIP_DOWNLOAD")) or _is_on(environ.get("PREBUILDS_SKIP_DOWNLOAD")),
        from_source=_is_on(own("BUILD_FROM_SOURCE")),
    )


def _is_on(value: str | None) -> bool:
    return (value or "").lower() in _ON
