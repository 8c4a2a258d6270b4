"""Directories of releases: whole or absent, with a list of sums, replaced only where they are ours."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import ArchiveError, IntegrityError, ReleaseError
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.manifest import MANIFEST_NAME, SUMS_NAME, ReleaseManifest

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_SUMS_BYTES = 1024 * 1024
"""1,000 names take less than half of it."""
_SUM = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[^\n/]{1,255})")


@contextlib.contextmanager
def release_directory(final: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes *final* when the block ends well, in place of an earlier release there.

    Raises ReleaseError when something lies at *final* that is no release of ours, DiskFullError, NotWritableError.
    """
    _check_replaceable(final)
    staged = final.with_name(f".{final.name}.assembled")
    with fs.atomic_directory(staged) as staging:
        yield staging
    with fs.explained(final):
        if final.exists():
            (final / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
            fs.remove_tree(final)
        staged.rename(final)
        # Backups must not skip a release.
        (final / fs.SENTINEL_NAME).unlink()


def describe(path: Path, kind: AssetKind, *, packing: str | None = None) -> Asset:
    """Return the entry of a file of the release."""
    return Asset(
        name=path.name, kind=kind, size_bytes=path.stat().st_size, sha256=fs.sha256_file(path), packing=packing
    )


def seal(directory: Path, manifest: ReleaseManifest) -> None:
    """Write the manifest, and then the sums of all files, as ``sha256sum -c`` reads them (sha256sum(1))."""
    fs.write_text(directory / MANIFEST_NAME, manifest.to_json())
    lines = [
        f"{fs.sha256_file(path)}  {path.name}\n"
        for path in sorted(directory.iterdir())
        if path.name not in {SUMS_NAME, fs.SENTINEL_NAME}
    ]
    fs.write_text(directory / SUMS_NAME, "".join(lines))


def read_manifest(path: Path) -> ReleaseManifest:
    """Return the manifest in *path*. Raises ArchiveError when it is not one, ReleaseError when there is none."""
    if not path.is_file():
        raise ReleaseError(
            f"there is no {path}",
            cause="the directory holds no release, or only some of its files",
            action="get the release's release.json, too",
        )
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"it is larger than {MAX_MANIFEST_BYTES:,} bytes")
        return ReleaseManifest.model_validate_json(path.read_bytes())
    except (pydantic.ValidationError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, pydantic.ValidationError) else str(error)
        raise ArchiveError(
            f"{path} is not the manifest of a release: {why}",
            cause="it was edited or cut, or another version of this program wrote it",
            action="get the release again",
        ) from error


def read_sums(path: Path) -> dict[str, str]:
    """Return the digests in a list of sums, by name; nothing for what is no such list, or too long for one."""
    if not path.is_file() or path.stat().st_size > MAX_SUMS_BYTES:
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {match["name"]: match["digest"] for match in map(_SUM.fullmatch, lines) if match}


def check_asset(directory: Path, asset: Asset) -> Path:
    """Return where *asset* lies. Raises IntegrityError when it is not there, or not what the manifest says."""
    path = directory / asset.name
    if not path.is_file() or path.stat().st_size != asset.size_bytes or fs.sha256_file(path) != asset.sha256:
        raise IntegrityError(
            f"{path} is {'not what the manifest says' if path.is_file() else 'missing'}",
            cause="it was fetched in part, changed, or belongs to another release",
            action="get the release again",
        )
    return path


def _check_replaceable(final: Path) -> None:
    """See that what lies at *final* is nothing, or a release with its own files only."""
    if not final.exists():
        return
    ours = {*read_sums(final / SUMS_NAME), SUMS_NAME, fs.SENTINEL_NAME}
    others = sorted(path.name for path in final.iterdir() if path.name not in ours) if final.is_dir() else [final.name]
    if others:
        raise ReleaseError(
            f"{final} is there, and {others[0]} is no file of a release that was assembled there",
            cause="files were added by hand, or the directory is something else",
            action="move it away, or give another directory with --out",
        )
