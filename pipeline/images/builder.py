"""The builder that buildx uses: what ``docker buildx inspect`` says of it, and what it can do by that."""

from __future__ import annotations

import dataclasses
import re

# https://docs.docker.com/build/builders/drivers/: these are daemons of BuildKit's own, and not the engine's part of it,
# which pushes by tags only.
_PUSH_BY_DIGEST = frozenset({"docker-container", "kubernetes", "remote"})
_FIELD = re.compile(r"(?m)^(Name|Driver):[ \t]+(\S+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder of buildx."""

    name: str
    driver: str

    @property
    def pushes_by_digest(self) -> bool:
        """Return whether it can bring an image to a registry by its digest, without a tag."""
        return self.driver in _PUSH_BY_DIGEST


def read_builder(said: str) -> Builder:
    """Return the builder that *said* (``docker buildx inspect``) is about; what it does not tell is empty."""
    # The first of each name is the builder's, the others are its nodes'.
    fields = dict(reversed(_FIELD.findall(said)))
    return Builder(name=fields.get("Name", ""), driver=fields.get("Driver", ""))
