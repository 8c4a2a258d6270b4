"""Writes and reads ``build-info.json`` beside a product."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import ArchiveError
from pipeline.model.record import BuildRecord, FileRecord, SnapshotFile, Subject, V8Facts
from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.scan import mapped


def subject_digest(subject: Subject) -> str:
    """Return the SHA-256 of what two equal builds share."""
    return fs.sha256_json(subject.model_dump(mode="json"))


def now() -> str:
    """Return the wall-clock time as RFC 3339 has it, in UTC."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_records(root: Path, names: Iterable[str]) -> tuple[FileRecord, ...]:
    """Return size and digest of the files *names* below *root*, sorted."""
    return tuple(
        FileRecord(path=name, size_bytes=(root / name).stat().st_size, sha256=fs.sha256_file(root / name))
        for name in sorted(names)
    )


def snapshot_file(out_dir: Path, name: str) -> SnapshotFile:
    """Return size, digest and, for a V8 snapshot, header facts of the file *name* in *out_dir*."""
    path = out_dir / name
    with mapped(path) as data:
        blob = parse(data)
    return SnapshotFile(
        path=name, size_bytes=path.stat().st_size, sha256=fs.sha256_file(path), v8=v8_facts(blob) if blob else None
    )


def v8_facts(blob: SnapshotBlob) -> V8Facts:
    """Return what the header of *blob* says."""
    return V8Facts(
        version=blob.version,
        contexts=blob.contexts,
        rehashable=blob.rehashable,
        size_bytes=blob.size_bytes,
        checksum=f"{blob.checksum:#010x}",
        checksum_kind=blob.checksum_kind.value if blob.checksum_kind else None,
        magic=f"{blob.magic:#010x}",
    )


def write(path: Path, record: BuildRecord) -> None:
    """Write *record* to *path*, whole or not at all."""
    fs.write_text(path, record.to_json())


def read(path: Path) -> BuildRecord:
    """Return the record in *path*.

    Raises ArchiveError when it is not one, or when its subject is not what its digest says.
    """
    try:
        record = BuildRecord.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise _unreadable(path, f"{error.error_count()} of its values do not fit the schema") from error
    if subject_digest(record.subject) != record.subject_sha256:
        raise _unreadable(path, "its subject was changed after it was written")
    return record


def _unreadable(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{path} is not a valid build record: {why}",
        cause="it was edited or cut, or another version of this program wrote it",
        action="build again, or use the version that wrote it",
    )
