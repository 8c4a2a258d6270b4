"""The builder that buildx uses: what ``docker buildx inspect`` says of it, and what it can do by that."""

from __future__ import annotations

import dataclasses
import re

# https://docs.docker.com/build/builders/drivers/: these have a daemon of BuildKit's own, not the engine's part of it.
_OWN_DAEMON = frozenset({"docker-container", "kubernetes", "remote"})
_OLDEST = (0, 13)
"""Sets the times of files when it pushes, too."""
_FIELD = re.compile(r"(?m)^(Name|Driver):[ \t]+(\S+)")
# Up to 0.12 the row is called Buildkit.
_VERSION = re.compile(r"(?mi)^BuildKit(?: version)?:[ \t]+v?(\d+)\.(\d+)\S*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder of buildx."""

    name: str
    driver: str
    versions: tuple[tuple[int, int], ...]
    """Of BuildKit, first two numbers, of each node that says one; 0.0 of a daemon that does not know it."""

    @property
    def pushes_by_digest(self) -> bool:
        """Return whether it can bring images to a registry by their digests, without a tag, with all times set."""
        known = [version for version in self.versions if version != (0, 0)]
        return self.driver in _OWN_DAEMON and all(version >= _OLDEST for version in known)


def read_builder(said: str) -> Builder:
    """Return the builder that *said* (``docker buildx inspect``) is about; what it does not tell is empty."""
    fields = dict(reversed(_FIELD.findall(said)))  # the first of each name is the builder's, others are its nodes'
    return Builder(
        name=fields.get("Name", ""),
        driver=fields.get("Driver", ""),
        versions=tuple((int(major), int(minor)) for major, minor in _VERSION.findall(said)),
    )
