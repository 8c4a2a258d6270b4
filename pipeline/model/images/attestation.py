"""Entries of an image's index that only describe an image.

https://docs.docker.com/build/metadata/attestations/attestation-storage/: they have the platform ``unknown/unknown``.
"""

from __future__ import annotations


def is_attestation(descriptor: object) -> bool:
    """Return whether *descriptor*, an entry of an index as it was read, names no image."""
    platform = descriptor.get("platform") if isinstance(descriptor, dict) else None
    return isinstance(platform, dict) and platform.get("os") == "unknown"
