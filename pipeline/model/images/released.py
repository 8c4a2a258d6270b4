"""Images of a release, as ``release.json`` lists them: in registries, with the programs of the release in them."""

from __future__ import annotations

from typing import Annotated

import pydantic

from pipeline.model.record import Bytes, Sha256
from pipeline.model.releases.asset import Text

ImageDigest = Annotated[str, pydantic.Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ReleasedPlatform(_Model):
    """The image for one target. C library, V8 and snapshots are those of the product for that target."""

    platform: Text
    """Such as `linux/arm64`."""
    target: Text
    digest: ImageDigest
    """Of the manifest: the same in every repository."""
    size_bytes: Bytes
    """Of configuration and layers, packed, with those of the base."""
    subject_sha256: Sha256
    """Of the product's build: which product it is that the image holds."""
    place: Text
    """Directory in the image in which the product's files lie, each with the bytes that `files` of the product says."""


class ReleasedTag(_Model):
    """A tag of the version itself, which never moves."""

    repository: Text
    """With its host, such as `ghcr.io/owner/app`."""
    tag: Text
    digest: ImageDigest
    """Of the index that has the tag."""


class ReleasedImage(_Model):
    """One variant of a runtime's image, for all its platforms."""

    runtime: Text
    """Name of the products that it holds."""
    version: Text
    variant: Text
    digest: ImageDigest
    """Of the index in the layout that was looked at; attestations may make it another one than that of a tag."""
    platforms: Annotated[tuple[ReleasedPlatform, ...], pydantic.Field(min_length=1)]
    tags: tuple[ReleasedTag, ...] = ()
    """Where it is; empty: it was not pushed yet, and the release cannot be published."""

    def digests(self) -> dict[str, str]:
        """Return the digest of each platform's manifest."""
        return {item.platform: item.digest for item in self.platforms}
