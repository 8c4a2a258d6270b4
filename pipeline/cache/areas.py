"""What fills the cache directory, part by part, and which work directories nobody has used for long."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs

WORK_NAME = "work"
_PURPOSES = {
    "snapshots": "snapshots that generators made",
    "work": "overlays and Cargo's target directories of builds",
    "toolbox": "tools, sysroots and the packages that they come from",
    "sources": "sources of runtimes",
    "patched": "sources with patches applied",
    "v8-mirror": "archives of V8 that were fetched",
    "v8-built": "archives of V8 that were compiled here",
    "prebuilds": "indexes and archives that `install` fetched",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Area:
    """A directory directly below the cache directory."""

    name: str
    purpose: str
    size_bytes: int
    """Of all files in it; those with several names count once."""
    entries: int


def areas(cache_dir: Path) -> tuple[Area, ...]:
    """Return what fills the cache directory, the largest first."""
    found = [
        Area(
            name=path.name,
            purpose=_PURPOSES.get(path.name, "something else that can be made again"),
            size_bytes=_size_bytes(path),
            entries=sum(not item.name.startswith(".") and item.is_dir() for item in path.iterdir()),
        )
        for path in (sorted(cache_dir.iterdir()) if cache_dir.is_dir() else ())
        if path.is_dir()
    ]
    return tuple(sorted(found, key=lambda area: area.size_bytes, reverse=True))


def prune_work(cache_dir: Path, *, older_than_s: float, now_s: float) -> tuple[str, ...]:
    """Delete work directories that no build has used for *older_than_s* seconds, and return their names.

    One that a build is using is left alone, as is one that was not made here.
    """
    removed = []
    for directory in sorted((cache_dir / WORK_NAME).glob("*")):
        if not (directory / fs.SENTINEL_NAME).is_file() or now_s - _used_s(directory) <= older_than_s:
            continue
        try:
            with fs.locked_beside(directory, timeout_s=0):
                fs.remove_tree(directory)
        except TimeoutError:
            continue
        removed.append(directory.name)
    return tuple(removed)


def _used_s(directory: Path) -> float:
    """Return when a work directory was last used: each build writes something in its first two levels."""
    times = [path.lstat().st_mtime for pattern in ("*", "*/*") for path in directory.glob(pattern)]
    return max(times, default=directory.stat().st_mtime)


def _size_bytes(directory: Path) -> int:
    seen = set[tuple[int, int]]()
    total = 0
    for status in _files(directory):
        if status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        total += status.st_size
    return total


def _files(directory: Path) -> Iterator[os.stat_result]:
    waiting = [os.fspath(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.stat(follow_symlinks=False)
        except OSError:
            # Builds come and go while we look.
            continue
