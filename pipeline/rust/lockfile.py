"""What ``Cargo.lock`` and a package's own manifest say, read without Cargo."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pipeline.errors import LockfileMissingError, WorkspaceError
from pipeline.model.analysis import PackageKey

MAX_LOCK_BYTES = 16 * 1024 * 1024
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]{1,100})?")
_RUST = re.compile(r"1\.[0-9]+(\.[0-9]+)?")
_OF_EDITION = {"2024": "1.85", "2021": "1.56"}


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


def versions_of(name: str, path: Path) -> tuple[str, ...]:
    """Return the versions of one package in a lock, which nobody has looked into before, sorted.

    Raises LockfileMissingError, and WorkspaceError for a file that is no lock.
    """
    if not path.is_file():
        raise LockfileMissingError(
            f"there is no {path}",
            cause="the package was published without its Cargo.lock",
            action="describe the version in releases.toml yourself",
        )
    try:
        if path.stat().st_size > MAX_LOCK_BYTES:
            raise ValueError(f"it has more than {MAX_LOCK_BYTES:,} bytes")
        packages = tomllib.loads(path.read_text(encoding="utf-8")).get("package", ())
        found = sorted({str(entry["version"]) for entry in packages if entry["name"] == name})
        if wrong := [version for version in found if not _VERSION.fullmatch(version)]:
            raise ValueError(f"{wrong[0]!r} is no version")
        return tuple(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"{path} is no lock file: {error}",
            cause="the package is damaged, or a newer Cargo wrote it",
            action="describe the version in releases.toml yourself",
        ) from error


def wanted_rust(tree: Path) -> str | None:
    """Return the oldest Rust that a package's own files name, such as ``1.85``; None where they name none.

    ``rust-version``, else the number in ``rust-toolchain.toml``. What its dependencies ask for is not looked at.
    """
    pinned = _table(tree / "rust-toolchain.toml", "toolchain").get("channel")
    shared = _table(tree / "Cargo.toml", "workspace").get("package")
    said = (
        _table(tree / "Cargo.toml", "package").get("rust-version"),
        shared.get("rust-version") if isinstance(shared, dict) else None,
        pinned,
    )
    return next((text for text in said if isinstance(text, str) and _RUST.fullmatch(text)), None)


def least_rust(tree: Path) -> str | None:
    """Return the first Rust that knows the package's edition (https://doc.rust-lang.org/edition-guide/)."""
    return _OF_EDITION.get(str(_table(tree / "Cargo.toml", "package").get("edition")))


def _table(path: Path, name: str) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))[name]
    except (OSError, ValueError, KeyError):
        return {}
    return table if isinstance(table, dict) else {}
