"""What lies in a directory, without reading files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline import fs
from pipeline.errors import WorkspaceError

Kind = Literal["file", "link", "directory"]


class Entry(NamedTuple):
    """What is known of a source file without reading it."""

    kind: Kind
    mtime_ns: int
    size_bytes: int
    mode: int
    target: str = ""
    """What a symbolic link says."""


def scan(root: Path, *, base: Path, excluded: frozenset[Path]) -> Iterator[tuple[str, Entry]]:
    """Yield all below *root*, directories before what they hold, with names relative to *base*.

    Left out are repositories' own data and directories that are tagged as caches (https://bford.info/cachedir/).
    """
    prefix = "" if root == base else f"{root.relative_to(base)}/"
    if prefix:
        yield prefix[:-1], Entry("directory", 0, 0, 0)
    pending = [(str(root), prefix)]
    skipped = {str(path) for path in excluded}
    while pending:
        directory, prefix = pending.pop()
        items = listing(Path(directory))
        if directory != str(root) and any(item.name == fs.SENTINEL_NAME for item in items):
            continue
        if directory != str(root):
            yield prefix[:-1], Entry("directory", 0, 0, 0)
        for item in items:
            if item.name == ".git" or item.path in skipped:
                continue
            name = prefix + item.name
            if item.is_dir(follow_symlinks=False):
                pending.append((item.path, name + "/"))
            elif item.is_symlink() or item.is_file(follow_symlinks=False):
                yield name, entry_of(item)


def listing(directory: Path) -> list[os.DirEntry[str]]:
    """Return what a directory holds, by name.

    Raises WorkspaceError when it cannot be read.
    """
    try:
        with os.scandir(directory) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError as error:
        raise WorkspaceError(
            f"cannot read {directory}: {error.strerror}",
            cause="the directory belongs to another user, or vanished meanwhile",
            action="make the whole workspace readable, and run the same command again",
        ) from error


def entry_of(item: os.DirEntry[str]) -> Entry:
    """Return what is known of a listed file or link."""
    if item.is_symlink():
        return Entry("link", 0, 0, 0, os.readlink(item.path))  # noqa: PTH115 - the text is wanted
    status = item.stat(follow_symlinks=False)
    return Entry("file", status.st_mtime_ns, status.st_size, stat.S_IMODE(status.st_mode) & 0o777)


def kind_of(mode: int) -> Kind | None:
    """Return the kind of a file with this mode, None for devices, sockets and the like."""
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "directory"
    return "file" if stat.S_ISREG(mode) else None


def is_kind(path: Path, kind: Kind) -> bool:
    """Return whether *path* exists and is of this kind itself."""
    try:
        return kind_of(path.lstat().st_mode) == kind
    except OSError:
        return False
