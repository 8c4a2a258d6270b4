"""What ``Cargo.lock`` says of packages beside their versions."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pipeline.model.analysis import PackageKey


def checksums(path: Path) -> dict[PackageKey, str]:
    """Return the SHA-256 of each package file of a registry, from a lock that Cargo has accepted.

    The source of the form is Cargo's own (cargo/core/resolver/encode.rs); repositories and local packages have none.
    """
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        PackageKey(name=entry["name"], version=entry["version"], source=entry["source"]): entry["checksum"]
        for entry in lock.get("package", ())
        if "checksum" in entry
    }
