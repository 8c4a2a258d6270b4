"""What the files that a script watches hold, at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.snapshots.reproduced import watched_files

MAX_WATCHED_FILES = 50_000
ABSENT = "absent"
UNBOUNDED = "unbounded"
"""Stands for a directory with more files than are looked at: such a snapshot is not kept."""


def watched_names(stdout: bytes) -> tuple[str, ...]:
    """Return the paths that a build script asked Cargo to watch, sorted; relative ones begin at its directory."""
    return tuple(sorted(set(watched_files(stdout))))


def watched_digests(names: Iterable[str], workdir: Path) -> dict[str, str]:
    """Return a digest of what each of *names* holds: a file's bytes, or the files of a directory with their names."""
    return {name: _digest(workdir / name) for name in names}


def _digest(path: Path) -> str:
    if path.is_file():
        return fs.sha256_file(path)
    if not path.is_dir():
        return ABSENT
    lines = []
    for item in sorted(path.rglob("*")):
        if item.is_file():
            lines.append(f"{item.relative_to(path).as_posix()} {fs.sha256_file(item)}")
        if len(lines) > MAX_WATCHED_FILES:
            return UNBOUNDED
    return fs.sha256_json(lines)
