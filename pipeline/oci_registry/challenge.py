"""What a registry asks for before it answers: the header WWW-Authenticate (RFC 9110, 11.6.1)."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import Literal

from pipeline.errors import RegistryError
from pipeline.model.images.reference import is_loopback
from pipeline.net.wording import without_credentials

_SCHEME = re.compile(r"(?:^|,\s*)(Basic|Bearer)(?=\s|,|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_MAX_LENGTH = 8192


@dataclasses.dataclass(frozen=True, kw_only=True)
class Challenge:
    """One way to log in."""

    scheme: Literal["basic", "bearer"]
    realm: str = ""
    """For ``bearer``, where tokens are handed out."""
    service: str = ""
    scope: str = ""


def read_challenge(header: str) -> Challenge | None:
    """Return the best way to log in that *header* names, None when there is none that is known."""
    header = header[:_MAX_LENGTH]
    starts = list(_SCHEME.finditer(header))
    found: dict[str, Challenge] = {}
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(header)
        values = {m[1].lower(): m[2] or m[3] or "" for m in _PARAMETER.finditer(header, start.end(), end)}
        scheme: Literal["basic", "bearer"] = "bearer" if start[1].lower() == "bearer" else "basic"
        known = {name: values.get(name, "") for name in ("realm", "service", "scope")}
        found[scheme] = Challenge(scheme=scheme, **known)
    return found.get("bearer") or found.get("basic")


def check_realm(challenge: Challenge, host: str) -> None:
    """Raise RegistryError where tokens are handed out at an address that no password may be sent to."""
    parts = urllib.parse.urlsplit(challenge.realm)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.username:
        raise RegistryError(
            f"{host} hands out its tokens at {without_credentials(challenge.realm)[:200]!r}",
            cause="that is no https:// address, so that whoever listens would see the password",
            action="ask who runs the registry to correct the realm",
        )
