"""What an index in a registry says."""

from __future__ import annotations

import json
from typing import Any

from pipeline.images.bases import platform_name
from pipeline.oci_registry.client import Manifest, Registry


def platforms_of(manifest: Manifest, registry: Registry) -> dict[str, str]:
    """Return the digest of each platform's manifest in an index; raises RegistryError for what is none."""
    try:
        described = json.loads(manifest.content)
        entries: list[Any] = described.get("manifests") or []
        return {
            platform_name(entry["platform"]): str(entry["digest"])
            for entry in entries
            if entry["platform"].get("os") != "unknown"
        }
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise registry.wrong(f"{manifest.digest} is no index of images") from None
