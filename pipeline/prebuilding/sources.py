"""A tree of its own for each build: sources are never written to."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline import fs
from pipeline.errors import PrebuildError

_NOT_COPIED = shutil.ignore_patterns(".git", fs.SENTINEL_NAME, "build", "prebuilds")


def fresh_project(source: Path, package: str, work_dir: Path) -> Path:
    """Copy an npm project, ``node_modules`` with all that is in it, and return the tree of *package* in the copy."""
    _copy(source, work_dir, shutil.ignore_patterns(fs.SENTINEL_NAME))
    return work_dir / "node_modules" / package


def fresh_tree(source: Path, work_dir: Path) -> Path:
    """Copy a directory of sources, without what earlier builds left in it, and return the copy.

    Raises PrebuildError when there is no such directory.
    """
    if not source.is_dir():
        raise PrebuildError(
            f"there are no sources in {source}",
            cause="a misspelt `path`; relative ones begin at the directory of releases.toml",
            action="correct `source` in releases.toml",
        )
    tree = work_dir / "tree"
    _copy(source, tree, _NOT_COPIED)
    return tree


def empty_work_dir(work_dir: Path) -> None:
    """Make *work_dir* empty; it is always the same one, so that equal sources give equal bytes."""
    fs.remove_tree(work_dir)
    fs.make_directory(work_dir)
    fs.write_text(work_dir / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)


def _copy(source: Path, destination: Path, ignore: object) -> None:
    with fs.explained(destination):
        shutil.copytree(source, destination, ignore=ignore, symlinks=True, dirs_exist_ok=True)  # type: ignore[arg-type]
