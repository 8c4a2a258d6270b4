"""Where the tags of a repository are before a push, and what that push may not change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pipeline.errors import RegistryError
from pipeline.images.published import platforms_of
from pipeline.model.images.reference import Repository
from pipeline.model.spec.images import Variant
from pipeline.oci_registry.client import Manifest, Registry

TagNames = tuple[tuple[str, ...], tuple[str, ...]]
"""Tags of the version itself, which never move, and the others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagsBefore:
    """One repository."""

    names: Mapping[Variant, TagNames]
    digests: Mapping[str, str | None]
    """Of each of these tags; None: it is not there."""
    kept: Mapping[Variant, Manifest]
    """What the version has already: the same images, in an index that may differ by its attestations."""


def look(
    registry: Registry,
    repository: Repository,
    names: Mapping[Variant, TagNames],
    images: Mapping[Variant, Mapping[str, str]],
) -> TagsBefore:
    """Return where the tags are. Raises RegistryError where a version has other *images* than it would get.

    These are the digests of each platform's manifest.
    """
    digests: dict[str, str | None] = {}
    kept: dict[Variant, Manifest] = {}
    for variant, (own, moving) in names.items():
        for tag in (*own, *moving):
            found = registry.manifest(repository.path, tag)
            digests[tag] = found.digest if found else None
            if found is None or tag not in own:
                continue
            if platforms_of(found, registry) != dict(images[variant]):
                raise _taken(repository, tag, found)
            kept.setdefault(variant, found)
    return TagsBefore(names=names, digests=digests, kept=kept)


def _taken(repository: Repository, tag: str, found: Manifest) -> RegistryError:
    return RegistryError(
        f"{repository}:{tag} is there already, and is another image ({found.digest})",
        cause="this version was published before, from other builds; a version's tag never moves",
        action="give the package a new version, or push the layout that was published",
    )
