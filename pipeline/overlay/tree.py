"""Bringing a copy of a workspace up to date.

Copies are renewed file by file. A file keeps its time of modification for as long as its content stays the same,
because that is what Cargo goes by; changed content gets a new time, even if the source's is older than before.
"""

from __future__ import annotations

import dataclasses
import filecmp
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline import fs
from pipeline.errors import WorkspaceError
from pipeline.model.analysis import PackageKey
from pipeline.overlay.layout import Layout
from pipeline.overlay.scan import Entry, is_kind, kind_of, scan

STATE_SCHEMA = 1
_NEVER_NS = -1
"""No file's time of modification: what was seen of it does not hold any more."""


class Known(NamedTuple):
    """What the last synchronisation saw and made of a file."""

    entry: Entry
    copy_mtime_ns: int
    sha256: str = ""
    """Of the source; kept for rewritten files only, whose copies cannot be compared with it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Synced:
    """What a synchronisation did."""

    changed_packages: frozenset[PackageKey]
    files: int
    written: int
    removed: int


def merged(parts: Iterable[Synced]) -> Synced:
    """Return what several synchronisations did together."""
    done = tuple(parts)
    return Synced(
        changed_packages=frozenset().union(*(part.changed_packages for part in done)),
        files=sum(part.files for part in done),
        written=sum(part.written for part in done),
        removed=sum(part.removed for part in done),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch:
    """What an overlay is told about the packages in it."""

    packages: Mapping[Path, PackageKey]
    """Original directories of local packages."""
    rewritten: frozenset[Path] = frozenset()
    """Original manifests whose copies are written by `Overlay.write` instead."""
    triggers: Mapping[PackageKey, Path] = dataclasses.field(default_factory=dict)
    """Files that are written anew whenever a file of the package changes, appears or vanishes."""


class Overlay:
    """An overlay on disk with the memory of what it was copied from."""

    def __init__(self, layout: Layout, *, state_path: Path, watch: Watch) -> None:
        """Describe an overlay whose memory is kept in *state_path*."""
        self.layout = layout
        self._state_path = state_path
        self._packages = {str(path.relative_to(layout.base)): key for path, key in watch.packages.items()}
        self._rewritten = frozenset(str(path.relative_to(layout.base)) for path in watch.rewritten)
        self._triggers = watch.triggers
        self._known: dict[str, Known] = {}

    def sync(self) -> Synced:
        """Bring the copies up to date.

        Triggers are renewed before the first copy is written, and the memory is saved last: after an
        interruption the next call finds the same changes, or they have been announced already.
        Raises WorkspaceError when a source cannot be read, NotWritableError and DiskFullError.
        """
        with fs.explained(self.layout.tree):
            first = not self.layout.tree.exists()
            fs.make_directory(self.layout.tree)
            self._known = {} if first else self._load()
            wanted = dict(self.layout.entries())
            stale = [name for name in sorted(wanted) if self._is_stale(name, wanted[name])]
            self._make_directories(name for name in stale if wanted[name].kind == "directory")
            changed = {name for name in stale if self._differs(name, wanted[name])}
            gone = sorted((name for name in self._known if name not in wanted), reverse=True)
            packages = frozenset(filter(None, map(self._owner, [*changed, *gone])))
            self._announce(packages)
            for name in gone:
                _remove(self.layout.tree / name)
                del self._known[name]
            for name in stale:
                self._update(name, wanted[name], write=name in changed, keep_time=first)
        if stale or gone:
            self._save()
        return Synced(changed_packages=packages, files=len(wanted), written=len(changed), removed=len(gone))

    def write(self, original: Path, text: str) -> None:
        """Replace the copy of a rewritten file, leaving its time of modification as it was."""
        name = str(original.relative_to(self.layout.base))
        copy, moment = self.layout.tree / name, self._known[name].copy_mtime_ns
        fs.write_if_changed(copy, text)
        os.utime(copy, ns=(moment, moment))

    def modified(self) -> tuple[Path, ...]:
        """Return the copied files that are not as `sync` and `write` left them, and those that neither made."""
        found: set[Path] = set()
        for root in self.layout.roots:
            copies = scan(self.layout.locate(root), base=self.layout.tree, excluded=frozenset())
            seen = dict(copies)
            found.update(self.layout.tree / name for name in seen if not self._is_intact(name, seen[name]))
            prefix = str(root.relative_to(self.layout.base))
            gone = (name for name in self._known if name not in seen and _is_below(name, prefix))
            found.update(self.layout.tree / name for name in gone)
        return tuple(sorted(found))

    def _is_intact(self, name: str, copy: Entry) -> bool:
        known = self._known.get(name)
        if known is None or known.entry.kind != copy.kind:
            return False
        if copy.kind != "file":
            return True
        same_size = name in self._rewritten or copy.size_bytes == known.entry.size_bytes
        return same_size and copy.mtime_ns == known.copy_mtime_ns

    def _load(self) -> dict[str, Known]:
        """Return the memory; an empty one where there is none that fits this overlay.

        Where the original lies elsewhere now, nothing that was known of its files' times holds; digests do.
        """
        try:
            state = json.loads(self._state_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        *ours, base = self._fingerprint()
        *theirs, their_base = state.get("layout") or (None,)
        if theirs != ours:
            return {}
        known = {name: Known(Entry(*entry), *rest) for name, (entry, *rest) in state["files"].items()}
        if their_base == base:
            return known
        return {name: item._replace(entry=item.entry._replace(mtime_ns=_NEVER_NS)) for name, item in known.items()}

    def _save(self) -> None:
        state = {"layout": self._fingerprint(), "files": self._known}
        fs.write_text(self._state_path, json.dumps(state, separators=(",", ":")))

    def _fingerprint(self) -> list[object]:
        return [STATE_SCHEMA, str(self.layout.tree), str(self.layout.base)]

    def _is_stale(self, name: str, entry: Entry) -> bool:
        """Return whether a source or its copy is not as it was last time, going by size and time only."""
        known = self._known.get(name)
        rewritten = name in self._rewritten
        if known is None or known.entry != entry or bool(known.sha256) != rewritten:
            return True
        try:
            status = os.lstat(f"{self.layout.tree}/{name}")
        except OSError:
            return True
        if rewritten or entry.kind != "file":
            return kind_of(status.st_mode) != entry.kind
        return status.st_size != entry.size_bytes or status.st_mtime_ns != known.copy_mtime_ns

    def _make_directories(self, names: Iterable[str]) -> None:
        """Make directories first: a link in the place of one would lead comparisons back to the sources."""
        for name in names:
            copy = self.layout.tree / name
            if not is_kind(copy, "directory"):
                _remove(copy)
                copy.mkdir(parents=True)

    def _differs(self, name: str, entry: Entry) -> bool:
        """Return whether a stale copy really has to be written."""
        copy, source = self.layout.tree / name, self.layout.base / name
        if not is_kind(copy, entry.kind):
            return True
        if name in self._rewritten:
            known = self._known.get(name)
            return known is None or known.sha256 != fs.sha256_file(source)
        match entry.kind:
            case "directory":
                return False
            case "link":
                return str(copy.readlink()) != self._link_text(source, entry.target)
            case "file":
                same_mode = copy.stat().st_mode & 0o777 == entry.mode
                return not (same_mode and filecmp.cmp(source, copy, shallow=False))

    def _owner(self, name: str) -> PackageKey | None:
        """Return the package that a file belongs to: the one in the nearest directory above."""
        for parent in Path(name).parents:
            owner = self._packages.get(str(parent))
            if owner:
                return owner
        return None

    def _announce(self, changed: frozenset[PackageKey]) -> None:
        for package, trigger in self._triggers.items():
            if package in changed or not trigger.exists():
                fs.write_text(trigger, f"{time.time_ns()}\n")

    def _update(self, name: str, entry: Entry, *, write: bool, keep_time: bool) -> None:
        source, copy = self.layout.base / name, self.layout.tree / name
        known = self._known.get(name)
        if write:
            _replace(source, copy, entry, self._link_text(source, entry.target))
            moment = entry.mtime_ns if keep_time else time.time_ns()
        else:
            moment = known.copy_mtime_ns if known else copy.lstat().st_mtime_ns
        if entry.kind == "file":
            os.utime(copy, ns=(moment, moment))
        digest = fs.sha256_file(source) if name in self._rewritten else ""
        self._known[name] = Known(entry, moment, digest)

    def _link_text(self, source: Path, target: str) -> str:
        """Return what a copied link has to say to lead to the same place."""
        if not target or Path(target).is_absolute():
            return target
        destination = Path(os.path.normpath(source.parent / target))
        return target if destination.is_relative_to(self.layout.base) else str(destination)


def _is_below(name: str, prefix: str) -> bool:
    return prefix == "." or name.startswith(f"{prefix}/")


def _replace(source: Path, copy: Path, entry: Entry, link_text: str) -> None:
    if entry.kind == "directory":
        return
    _remove(copy)
    copy.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "link":
        copy.symlink_to(link_text)
        return
    try:
        shutil.copyfile(source, copy)
    except (PermissionError, FileNotFoundError) as error:
        if error.filename != str(source):
            raise
        raise WorkspaceError(
            f"cannot read {source}: {error.strerror}",
            cause="the file belongs to another user, or vanished while it was read",
            action="make the whole workspace readable, and run the same command again",
        ) from error
    copy.chmod(entry.mode)


def _remove(path: Path) -> None:
    """Remove one entry of the tree; a directory with what a build put into it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
