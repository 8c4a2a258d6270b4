"""Kept snapshots as one file, for another machine or a CI system's own cache."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.cache.store import MAX_ENTRY_BYTES, MAX_UNPACKED_BYTES, SnapshotStore, pack_of
from pipeline.errors import ArchiveError
from pipeline.model.cached import ENTRY_SUFFIX, CacheEntry
from pipeline.packing.tarball import TarLimits, TarMember, extract_tar, write_tar


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import came to."""

    added: int
    known: int
    """That were there already."""
    refused: tuple[str, ...]
    """Names in the file that are no whole entries."""


def export(store: SnapshotStore, destination: Path) -> int:
    """Write all entries to the tar file *destination*, which appears whole or not at all; return their number.

    Raises DiskFullError and NotWritableError.
    """
    with store.lock():
        entries = store.entries()
        members = [
            TarMember(name=path.relative_to(store.root).as_posix(), content=path)
            for path in sorted(item for kept in entries for item in (kept.path, kept.pack_path))
            if path.is_file()
        ]
        write_tar(destination, members)
    return len(entries)


def import_from(store: SnapshotStore, source: Path) -> Imported:
    """Add the entries in the tar file *source* that are whole; one that is there already stays.

    Raises ArchiveError when the file is none, or unsafe.
    """
    if not source.is_file():
        raise ArchiveError(
            f"there is no file {source}",
            cause="the name is misspelt, or nothing was exported",
            action="make it with `python -m pipeline cache export FILE`",
        )
    added, known, refused = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="snapstitch-cache-") as name:
        directory = Path(name)
        extract_tar(source, directory, TarLimits(total_bytes=MAX_UNPACKED_BYTES))
        for path in sorted(directory.rglob(f"*{ENTRY_SUFFIX}")):
            entry = _checked(store, path)
            if entry is None:
                refused.append(path.relative_to(directory).as_posix())
            elif _add(store, entry, path):
                added += 1
            else:
                known += 1
    return Imported(added=added, known=known, refused=tuple(refused))


def _checked(store: SnapshotStore, path: Path) -> CacheEntry | None:
    """Return the entry in *path*, if it is one, has the name that its content gives it, and its pack is whole."""
    if path.stat().st_size > MAX_ENTRY_BYTES or not pack_of(path).is_file():
        return None
    try:
        entry = CacheEntry.model_validate_json(path.read_bytes())
    except ValueError:
        return None
    named_right = path.name == store.path_of(entry.key, entry.watched).name
    return entry if named_right and fs.sha256_file(pack_of(path)) == entry.pack_sha256 else None


def _add(store: SnapshotStore, entry: CacheEntry, path: Path) -> bool:
    # The place comes from the key, whose fields have been checked, and not from the archive.
    final = store.path_of(entry.key, entry.watched)
    with store.lock():
        if final.is_file():
            return False
        for source, target in ((pack_of(path), pack_of(final)), (path, final)):
            with fs.atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
    return True
