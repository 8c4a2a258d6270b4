"""Files that appear or change in a tree while a program runs that should write elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.snapshot import OutputFile


def stat_tree(tree: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield every file of *tree* with its time of modification and its size."""
    for directory, _names, files in os.walk(tree):
        for name in files:
            path = Path(directory, name)
            status = path.lstat()
            yield path, (status.st_mtime_ns, status.st_size)


def strays_in(tree: Path, before: Mapping[Path, tuple[int, int]]) -> tuple[OutputFile, ...]:
    """Return the files of *tree* that are not as they were *before*."""
    changed = (path for path, status in stat_tree(tree) if before.get(path) != status)
    return tuple(fs.describe_file(tree, path) for path in sorted(changed) if path.is_file())
