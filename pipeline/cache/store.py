"""The directory of kept snapshots: look up, keep, check, drop the oldest.

``<cache>/snapshots/<target>/<package>-<version>/`` holds the entries of one generator. Files appear whole, the pack
before the text that names it; whoever writes or prunes holds the lock. An entry that cannot be read, or whose pack is
not what it says, is dropped when it is met: it can be made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.cache.digests import UNBOUNDED, watched_digests, watched_names
from pipeline.errors import ArchiveError
from pipeline.model.bundle import OUT_DIR_NAME
from pipeline.model.cached import ENTRY_SUFFIX, PACK_SUFFIX, CacheEntry, Lookup, SnapshotKey, key_differences
from pipeline.model.snapshot import StepResult, step_key
from pipeline.packing.tarball import TarLimits, TarMember, extract_tar, write_tar
from pipeline.record import now

DIRECTORY_NAME = "snapshots"
DEFAULT_LIMIT_BYTES = 2 * 1024**3
"""A large runtime's snapshot is 2 MB packed, a small one's 0.1 MB."""
MAX_ENTRY_BYTES = 16 * 1024 * 1024
MAX_UNPACKED_BYTES = 4 * 1024**3
STDOUT_NAME = "stdout"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """An entry and where it lies."""

    entry: CacheEntry
    path: Path

    @property
    def pack_path(self) -> Path:
        """Return where its files lie, packed."""
        return pack_of(self.path)

    @property
    def digest(self) -> str:
        """Return its name."""
        return self.path.name.removesuffix(ENTRY_SUFFIX)

    @property
    def used_s(self) -> float:
        """Return when it was last made or used, in seconds since 1970."""
        return self.path.stat().st_mtime


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnapshotStore:
    """All snapshots that are kept below one cache directory."""

    root: Path
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    def look_up(self, key: SnapshotKey) -> tuple[Kept | None, Lookup]:
        """Return the entry that fits, if any, and what the search came to; unreadable entries are dropped."""
        nearest: tuple[str, tuple[str, ...]] | None = None
        seen: dict[str, str] = {}
        for kept in self._entries_for(key):
            differences = key_differences(key, kept.entry.key) or _changed(kept.entry, seen)
            if not differences:
                os.utime(kept.path)
                return kept, Lookup(key=key, found=kept.digest)
            if nearest is None or len(differences) < len(nearest[1]):
                nearest = (kept.digest, differences)
        if nearest is None:
            return None, Lookup(key=key, found=None)
        return None, Lookup(key=key, found=None, nearest=nearest[0], differences=nearest[1])

    def keep(self, key: SnapshotKey, result: StepResult, stdout: bytes) -> Kept | None:
        """Keep what a run left in its OUT_DIR, and what it printed; None where it watches more than can be compared.

        Raises DiskFullError and NotWritableError.
        """
        watched = watched_digests(watched_names(stdout), Path(key.workdir))
        if UNBOUNDED in watched.values():
            return None
        path = self.path_of(key, watched)
        members = [TarMember(name=STDOUT_NAME, content=stdout)]
        members += [_member(result.out_dir, output.path) for output in result.outputs]
        with self.lock():
            write_tar(pack_of(path), members)
            entry = CacheEntry(
                key=key,
                watched=watched,
                result=result,
                pack_sha256=fs.sha256_file(pack_of(path)),
                pack_size_bytes=pack_of(path).stat().st_size,
                made_at=now(),
            )
            fs.write_text(path, entry.model_dump_json(indent=2) + "\n")
            self._shrink(self.limit_bytes, spare=path)
        return Kept(entry=entry, path=path)

    @contextlib.contextmanager
    def unpacked(self, kept: Kept) -> Iterator[Path | None]:
        """Yield a private directory with ``out/`` and ``stdout`` of an entry; None, and it is dropped, if damaged."""
        with tempfile.TemporaryDirectory(prefix="snapstitch-cache-") as name:
            directory = Path(name)
            if _is_whole(kept, directory):
                yield directory
            else:
                self.drop(kept)
                yield None

    def verify(self) -> tuple[tuple[Kept, ...], tuple[Path, ...]]:
        """Return all entries that are whole, and the names of those that were not and are dropped."""
        good, dropped = [], []
        for path in self._paths():
            kept = self._read(path)
            if kept is None:
                dropped.append(path)
                continue
            with self.unpacked(kept) as directory:
                if directory is None:
                    dropped.append(path)
                else:
                    good.append(kept)
        with self.lock():
            dropped += self._drop_packs_of_nobody()
        return tuple(good), tuple(dropped)

    def entries(self) -> tuple[Kept, ...]:
        """Return all entries, the one that was used last first; unreadable ones are dropped."""
        found = [kept for path in self._paths() if (kept := self._read(path))]
        return tuple(sorted(found, key=lambda kept: kept.used_s, reverse=True))

    def prune(self, limit_bytes: int, *, older_than_s: float | None = None, now_s: float = 0.0) -> tuple[Kept, ...]:
        """Drop what was not used for *older_than_s* seconds, then the oldest until *limit_bytes* hold the rest."""
        with self.lock():
            old = [kept for kept in self.entries() if older_than_s is not None and now_s - kept.used_s > older_than_s]
            for kept in old:
                _remove_files(kept.path)
            return (*old, *self._shrink(limit_bytes))

    def drop(self, kept: Kept) -> None:
        """Remove an entry."""
        _remove_files(kept.path)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of those that write or remove."""
        with fs.locked_beside(self.root):
            yield

    def path_of(self, key: SnapshotKey, watched: Mapping[str, str]) -> Path:
        """Return where the entry for *key* and the digests of watched files lies, if it is there."""
        digest = fs.sha256_json([key.model_dump(mode="json"), dict(watched)])
        return self._directory(key) / f"{digest}{ENTRY_SUFFIX}"

    def _directory(self, key: SnapshotKey) -> Path:
        return self.root / key.target / step_key(key.package, key.version)

    def _entries_for(self, key: SnapshotKey) -> Iterator[Kept]:
        for path in sorted(self._directory(key).glob(f"*{ENTRY_SUFFIX}")):
            if kept := self._read(path):
                yield kept

    def _paths(self) -> list[Path]:
        return sorted(self.root.glob(f"*/*/*{ENTRY_SUFFIX}"))

    def _read(self, path: Path) -> Kept | None:
        try:
            if path.stat().st_size > MAX_ENTRY_BYTES:
                raise ValueError
            return Kept(entry=CacheEntry.model_validate_json(path.read_bytes()), path=path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                _remove_files(path)
            return None

    def _shrink(self, limit_bytes: int, *, spare: Path | None = None) -> tuple[Kept, ...]:
        removed, total_bytes = [], 0
        for kept in self.entries():
            total_bytes += kept.entry.pack_size_bytes
            if total_bytes > limit_bytes and kept.path != spare:
                _remove_files(kept.path)
                removed.append(kept)
        return tuple(removed)

    def _drop_packs_of_nobody(self) -> list[Path]:
        lone = [
            pack
            for pack in sorted(self.root.glob(f"*/*/*{PACK_SUFFIX}"))
            if not pack.with_name(pack.name.removesuffix(PACK_SUFFIX) + ENTRY_SUFFIX).exists()
        ]
        for pack in lone:
            pack.unlink(missing_ok=True)
        return lone


def pack_of(path: Path) -> Path:
    """Return the path of the pack that belongs to the entry in *path*."""
    return path.with_name(path.name.removesuffix(ENTRY_SUFFIX) + PACK_SUFFIX)


def _changed(entry: CacheEntry, seen: dict[str, str]) -> tuple[str, ...]:
    """Return which files that the script watches are not what they were, in words; digests in *seen* are known."""
    seen |= watched_digests(entry.watched.keys() - seen.keys(), Path(entry.key.workdir))
    return tuple(f"file {name}: changed since" for name, digest in entry.watched.items() if seen[name] != digest)


def _is_whole(kept: Kept, directory: Path) -> bool:
    try:
        if fs.sha256_file(kept.pack_path) != kept.entry.pack_sha256:
            return False
        extract_tar(kept.pack_path, directory, TarLimits(total_bytes=MAX_UNPACKED_BYTES))
        (directory / OUT_DIR_NAME).mkdir(exist_ok=True)
        made = fs.describe_tree(directory / OUT_DIR_NAME)
    except (OSError, ArchiveError):
        return False
    return made == kept.entry.result.outputs and (directory / STDOUT_NAME).is_file()


def _member(out_dir: Path, name: str) -> TarMember:
    path = out_dir / name
    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return TarMember(name=f"{OUT_DIR_NAME}/{name}", content=path, mode=mode)


def _remove_files(path: Path) -> None:
    """Remove an entry, the text first: a pack without one is nobody's."""
    path.unlink(missing_ok=True)
    pack_of(path).unlink(missing_ok=True)
