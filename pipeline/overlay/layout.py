"""Which directories an overlay mirrors, and where."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.overlay.scan import Entry, entry_of, listing, scan

_COPIED_SIBLINGS = frozenset({".gitattributes", ".gitignore", ".gitmodules", ".mailmap"})
"""Git does not follow links to these (gitignore(5), gitattributes(5))."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """Which directories an overlay mirrors, and where."""

    tree: Path
    base: Path
    """The original directory that *tree* stands for."""
    roots: tuple[Path, ...]
    """Original directories that are copied whole; none contains another."""
    limits: tuple[Path, ...]
    """For each root the directory up to which its neighbours are linked."""
    excluded: frozenset[Path]
    """Original directories and files that are not mirrored."""
    linked: frozenset[Path] = frozenset()
    """Original directories in the roots that are linked instead of copied."""

    def locate(self, original: Path) -> Path:
        """Return where *original* lies in the overlay."""
        return self.tree / original.relative_to(self.base)

    def covers(self, original: Path) -> bool:
        """Return whether *original* lies in one of the copied directories."""
        return any(original.is_relative_to(root) for root in self.roots)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield everything that the overlay has to hold, with its name relative to the base.

        Raises WorkspaceError when a directory cannot be read.
        """
        for root in self.roots:
            yield from scan(root, base=self.base, excluded=self.excluded | self.linked)
        for path in self.linked:
            yield str(path.relative_to(self.base)), Entry("link", 0, 0, 0, str(path))
        yield from self._neighbours()

    def _neighbours(self) -> Iterator[tuple[str, Entry]]:
        """Yield links to what lies beside the roots, on every level up to each root's limit."""
        real = {parent for root in self.roots for parent in (root, *root.parents)}
        levels = {
            parent
            for root, limit in zip(self.roots, self.limits, strict=True)
            for parent in root.parents
            if parent.is_relative_to(limit)
        }
        for level in sorted(levels):
            for item in listing(level):
                path = Path(item.path)
                if path in real or item.name == ".git" or self._holds_excluded(path):
                    continue
                name = str(path.relative_to(self.base))
                if item.name in _COPIED_SIBLINGS and item.is_file():
                    yield name, entry_of(item)
                else:
                    yield name, Entry("link", 0, 0, 0, item.path)

    def _holds_excluded(self, path: Path) -> bool:
        return any(excluded.is_relative_to(path) for excluded in self.excluded)


def plan(directories: Iterable[Path], *, tree: Path, git_top: Path | None, excluded: Iterable[Path]) -> Layout:
    """Return the layout of an overlay at *tree* that copies *directories*.

    Neighbours are linked up to the top of the repository, or in the parent directory where there is none.
    """
    roots: list[Path] = []
    for directory in sorted(set(directories), key=lambda path: (len(path.parts), path)):
        if not any(directory.is_relative_to(root) for root in roots):
            roots.append(directory)
    limits = tuple(git_top if git_top and root.is_relative_to(git_top) else root.parent for root in roots)
    base = Path(os.path.commonpath([*roots, *limits]))
    return Layout(
        tree=tree,
        base=base,
        roots=tuple(roots),
        limits=limits,
        excluded=frozenset([*excluded, tree]),
    )
