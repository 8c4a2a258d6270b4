"""Base images, as an index of theirs describes them: which platforms they have, and what digest pins them.

Format: https://github.com/opencontainers/image-spec/blob/main/image-index.md, and Docker's manifest list, which has the
same fields.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ImageError
from pipeline.model.images.attestation import is_attestation

_MAX_INDEX_BYTES = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseIndex:
    """The index of one base image."""

    name: str
    """Of the image, or where the index lies."""
    digest: str
    """``sha256:…`` over the bytes of the index: what a registry calls it."""
    platforms: tuple[str, ...]
    """Such as ``linux/arm64``; sorted."""


def read_index(path: Path, name: str) -> BaseIndex:
    """Return the index in the file *path*, as ``docker buildx imagetools inspect --raw`` prints it.

    Raises ImageError when it is none.
    """
    try:
        with path.open("rb") as stream:
            index = index_of(stream.read(_MAX_INDEX_BYTES + 1), name)
    except (OSError, ValueError, RecursionError) as error:
        raise _not_an_index(path, str(error)) from error
    if index is None:
        raise _not_an_index(path, "it has no list of manifests")
    return index


def index_of(raw: bytes, name: str) -> BaseIndex | None:
    """Return the index whose bytes are *raw*, None for JSON of another kind.

    Raises ValueError or RecursionError for what is no JSON.
    """
    described = json.loads(raw) if len(raw) <= _MAX_INDEX_BYTES else None
    manifests = described.get("manifests") if isinstance(described, dict) else None
    if not isinstance(manifests, list):
        return None
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return BaseIndex(name=name, digest=digest, platforms=tuple(sorted(set(_platforms(manifests)))))


def platform_name(platform: Mapping[str, Any]) -> str:
    """Return a platform as the table of targets names it: ``linux/arm64``, whose variant v8 is the usual one."""
    parts = [platform.get("os"), platform.get("architecture"), platform.get("variant")]
    name = "/".join(part[:40] for part in parts if isinstance(part, str) and part)
    return "linux/arm64" if name == "linux/arm64/v8" else name


def check_platforms(index: BaseIndex, wanted: Iterable[str]) -> None:
    """See that a base has every platform that is *wanted*; raises ImageError, which names those that it lacks."""
    lacking = [name for name in wanted if name not in index.platforms]
    if lacking:
        raise ImageError(
            f"the base {index.name} has nothing for {', '.join(lacking)}",
            cause=f"it is made for {', '.join(index.platforms) or 'no platform'} only",
            action="choose another base (`bases` in releases.toml), or leave the platform out with --target",
        )


def _platforms(manifests: list[Any]) -> Iterator[str]:
    for descriptor in manifests:
        platform = descriptor.get("platform") if isinstance(descriptor, dict) else None
        if isinstance(platform, dict) and not is_attestation(descriptor):
            yield platform_name(platform)


def _not_an_index(path: Path, why: str) -> ImageError:
    return ImageError(
        f"{path} is not the index of an image: {why}",
        cause="an image for one platform has no index, or the file is something else",
        action="write it with `docker buildx imagetools inspect --raw IMAGE > FILE`",
    )
