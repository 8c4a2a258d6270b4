"""Packages as Cargo's registries store them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def packed_crate(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """Return a ``.crate`` with *files*, by their paths in the package."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()
