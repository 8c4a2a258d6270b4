"""Which tags an image gets: computed once, for all variants, repositories and ways to write it.

A tag may have letters, digits, ``_``, ``.`` and ``-``
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests); the ``+`` of a version
becomes ``_``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.errors import ImageError
from pipeline.images.design import Design
from pipeline.model.spec.images import Variant

LATEST = "latest"
# https://semver.org/#backusnaur-form-grammar-for-valid-semver-versions; nothing is left of a release but three numbers.
_RELEASE = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_VERSION = re.compile(rf"{_RELEASE.pattern}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_MAX_TAG_LENGTH = 128


def version_tags(version: str, published: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the tags of a version, the most exact first.

    A release moves ``1.2``, ``1`` and ``latest``, unless one of the *published* versions that share the tag is newer.
    Anything else (``1.2.3-rc.1``, ``1.2.3+build``) has its own tag only; and there is no tag ``0``, because minor
    versions below 1 do not stay compatible. Raises ImageError for what is no version.
    """
    own = _own_tag(version)
    if not _RELEASE.fullmatch(version):
        return (own,)
    others = [_numbers(other) for other in published if _RELEASE.fullmatch(other)]
    major, minor, patch = _numbers(version)
    lines = {f"{major}.{minor}": (major, minor), str(major): (major,), LATEST: ()}
    newest = [
        name
        for name, line in lines.items()
        if name != "0" and all(other <= (major, minor, patch) for other in others if other[: len(line)] == line)
    ]
    return (own, *newest)


def variant_tags(tags: tuple[str, ...], variant: Variant, *, default: Variant) -> tuple[str, ...]:
    """Return *tags* as a variant has them: ``1.2.3-alpine``, and ``alpine`` for ``latest``.

    The default variant has them without suffix, too.
    """
    suffixed = tuple(variant if tag == LATEST else f"{tag}-{variant}" for tag in tags)
    return (*tags, *suffixed) if variant == default else suffixed


def design_tags(design: Design, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags of one design."""
    return variant_tags(tags, design.variant, default=design.spec.variants[0])


def _own_tag(version: str) -> str:
    tag = version.replace("+", "_")
    if not _VERSION.fullmatch(version) or len(tag) > _MAX_TAG_LENGTH:
        raise ImageError(
            f"{version!r} cannot be the version of an image",
            cause="it is not of the form 1.2.3 or 1.2.3-rc.1 (https://semver.org), or too long for a tag",
            action="give the package such a version",
        )
    return tag


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch
