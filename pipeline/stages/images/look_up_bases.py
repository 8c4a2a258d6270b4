"""Look up base images in their registries: which platforms they have, and what digest pins them."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

from pipeline.context import Context
from pipeline.errors import RegistryError
from pipeline.images.bases import BaseIndex, index_of, platform_name
from pipeline.model.images.reference import ImageReference, parse_reference
from pipeline.model.spec.images import Variant
from pipeline.oci_registry.client import Manifest, Registry

_MAX_CONFIG_BYTES = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookUpInputs:
    """Which bases."""

    names: Mapping[Variant, str]


def run(inputs: LookUpInputs, context: Context) -> dict[Variant, BaseIndex]:
    """Return what the registries have; nothing but descriptions is fetched.

    Raises RegistryError for a base that is not there or cannot be read, NetworkError, UsageError.
    """
    found: dict[Variant, BaseIndex] = {}
    for variant, name in inputs.names.items():
        with context.reporter.step(f"look up {name}") as step:
            found[variant] = _look_up(name, parse_reference(name), context)
            step.detail(found[variant].digest)
    return found


def _look_up(name: str, reference: ImageReference, context: Context) -> BaseIndex:
    path = reference.repository.path
    with Registry(reference.repository, context.environ) as registry:
        manifest = registry.manifest(path, reference.version)
        if manifest is None:
            raise RegistryError(
                f"there is no base {reference}",
                cause="its name is misspelt, or a login is needed to see it",
                action="correct `bases` in releases.toml, or log in with `docker login`",
            )
        return _index(registry, path, manifest, name)


def _index(registry: Registry, path: str, manifest: Manifest, name: str) -> BaseIndex:
    """Return the index; an image without one is for one platform, which its configuration says.

    BuildKit takes such a base for every platform that it is asked for.
    """
    try:
        index = index_of(manifest.content, name)
        if index is not None:
            return index
        descriptor = json.loads(manifest.content)["config"]
        digest, size_bytes = str(descriptor["digest"]), int(descriptor["size"])
        if not 0 < size_bytes <= _MAX_CONFIG_BYTES:
            raise ValueError
        content = io.BytesIO()
        registry.save_blob(path, digest, size_bytes, content)
        config: Any = json.loads(content.getvalue())
        platform = platform_name({key: config.get(key) for key in ("os", "architecture", "variant")})
        return BaseIndex(name=name, digest=manifest.digest, platforms=(platform,))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise registry.wrong(f"{manifest.digest} is neither an index of images nor an image") from None
