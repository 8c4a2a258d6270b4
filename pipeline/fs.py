"""Files that appear whole or not at all, digests, locks, and trees that are safe to delete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from pipeline.errors import DiskFullError, NotWritableError, PipelineError
from pipeline.model.snapshot import OutputFile

SENTINEL_NAME = "CACHEDIR.TAG"
SENTINEL_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds what can be made again. See https://bford.info/cachedir/\n"
)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal, read in windows."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe_file(base: Path, path: Path) -> OutputFile:
    """Return name (relative to *base*), size and digest of a file."""
    return OutputFile(path=path.relative_to(base).as_posix(), size_bytes=path.stat().st_size, sha256=sha256_file(path))


def describe_tree(directory: Path) -> tuple[OutputFile, ...]:
    """Return every regular file below *directory*, sorted by path."""
    return tuple(describe_file(directory, path) for path in sorted(directory.rglob("*")) if path.is_file())


def sha256_json(value: object) -> str:
    """Return the SHA-256 of a JSON value in canonical form (sorted keys, no white space)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """Return *value* as JSON with sorted keys and no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about writing *path* into errors that say what to do.

    Raises DiskFullError and NotWritableError.
    """
    try:
        yield
    except OSError as error:
        named = _named_error(error, path)
        if named is None:
            raise
        raise named from error


def _named_error(error: OSError, path: Path) -> PipelineError | None:
    where = error.filename or str(path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(
            f"no space left on the disk that holds {where}",
            cause="the toolbox and a build need about 4 GB; a quota may also be used up",
            action="free some space, or point --cache-dir at a larger disk, and run the same command again",
        )
    if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
        return NotWritableError(
            f"cannot write to {where}: {error.strerror}",
            cause="the directory belongs to another user or is mounted read-only",
            action="choose another place with --cache-dir (or --out), or correct the directory's owner",
        )
    return None


def make_directory(path: Path) -> Path:
    """Create *path* and its parents, and return it."""
    with explained(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
            raise NotWritableError(
                f"cannot make the directory {path}: {error.strerror}",
                cause="a file lies where a directory is wanted, or the file system takes no directories there",
                action="choose another place with --cache-dir (or --out)",
            ) from error
    return path


@contextlib.contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside *final* that becomes *final* when the block ends well, else is gone."""
    make_directory(final.parent)
    with explained(final):
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(temporary.stat().st_mode | 0o644)
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file at once."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_if_changed(path: Path, text: str) -> bool:
    """Write *text* unless the file already holds it; return whether it was written."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return False
    write_text(path, text)
    return True


@contextlib.contextmanager
def atomic_directory(final: Path) -> Iterator[Path]:
    """Yield an empty directory beside *final* that becomes *final* when the block ends well.

    What an earlier run left half-made is removed first; callers that may meet hold a lock.
    """
    make_directory(final.parent)
    staging = final.parent / f".{final.name}.part"
    with explained(final):
        remove_tree(staging)
        staging.mkdir()
        (staging / SENTINEL_NAME).write_text(SENTINEL_TEXT)
        try:
            yield staging
        except BaseException:
            # It may be large, and be the very reason why the disk is full.
            with contextlib.suppress(OSError):
                remove_tree(staging)
            raise
        remove_tree(final)
        staging.rename(final)


def remove_tree(path: Path) -> None:
    """Delete a directory that carries the sentinel; refuse any other one that is not empty.

    Raises NotWritableError for a directory that we did not make.
    """
    if not path.exists():
        return
    if any(path.iterdir()) and not (path / SENTINEL_NAME).is_file():
        raise NotWritableError(
            f"will not delete {path}: it has no {SENTINEL_NAME}",
            cause="the directory was not made by this program",
            action="look what it is, and move it away by hand",
        )
    for directory, _names, _files in os.walk(path):
        os.chmod(directory, 0o700)  # noqa: PTH101 - unpacked packages hold read-only directories
    shutil.rmtree(path)


def locked_beside(
    path: Path, *, hidden: bool = False, timeout_s: float = -1
) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a file or directory, which may not be there yet: ``<name>.lock`` beside it.

    *hidden* is for places that users look into: the lock's name begins with a dot.
    """
    return locked(path.with_name(f"{'.' if hidden else ''}{path.name}.lock"), timeout_s=timeout_s)


@contextlib.contextmanager
def locked(path: Path, *, timeout_s: float = -1) -> Iterator[None]:
    """Hold an exclusive lock between processes, kept in the file *path*; the kernel drops it when we die."""
    make_directory(path.parent)
    with explained(path), filelock.FileLock(path, timeout=timeout_s):
        yield
