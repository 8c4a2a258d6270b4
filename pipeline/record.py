"""Writes and reads ``build-info.json`` beside a product."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import ArchiveError
from pipeline.model.record import BuildRecord, FileRecord, SnapshotFile, Subject, V8Facts
from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.scan import mapped

UNSEALED = "0" * 64
"""Stands for digests until `sealed` computes them."""
MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A record of 700 files is 0.2 MB."""


def subject_digest(subject: Subject) -> str:
    """Return the SHA-256 of what two equal builds share, as it stands in the file."""
    return fs.sha256_json(subject.model_dump(mode="json", exclude_none=True))


def sealed(record: BuildRecord) -> BuildRecord:
    """Return *record* with the digests that it must have."""
    record = record.model_copy(update={"subject_sha256": subject_digest(record.subject)})
    document = record.model_dump(mode="json", exclude_none=True)
    return record.model_copy(update={"record_sha256": _document_digest(document)})


def broken_seals(path: Path) -> tuple[str, ...]:
    """Return which digests of the record in *path* do not fit its text: ``subject_sha256``, ``record_sha256``.

    It is the text that counts, not what this version of the program makes of it. Raises ArchiveError when it is no
    JSON object.
    """
    document = _document(path)
    right = {"subject_sha256": fs.sha256_json(document.get("subject")), "record_sha256": _document_digest(document)}
    return tuple(name for name, digest in right.items() if document.get(name) != digest)


def _document_digest(document: Mapping[str, object]) -> str:
    return fs.sha256_json({name: value for name, value in document.items() if name != "record_sha256"})


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
    """Write *record*, sealed, to *path*, whole or not at all."""
    fs.write_text(path, sealed(record).to_json())


def read(path: Path) -> BuildRecord:
    """Return the record in *path*.

    Raises ArchiveError when it is not one, or when it is not what its digests say.
    """
    record = read_unsealed(path)
    broken = broken_seals(path)
    if "subject_sha256" in broken:
        raise _unreadable(path, "its subject was changed after it was written")
    if broken:
        raise _unreadable(path, "it was changed after it was written")
    return record


def read_unsealed(path: Path) -> BuildRecord:
    """Return the record in *path*, whatever its digests say.

    Raises ArchiveError when it is not one, or larger than any.
    """
    try:
        return BuildRecord.model_validate_json(_content(path))
    except pydantic.ValidationError as error:
        raise _unreadable(path, f"{error.error_count()} of its values do not fit the schema") from error


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "it is no JSON") from error
    if not isinstance(document, dict):
        raise _unreadable(path, "it is no JSON object")
    return document


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_RECORD_BYTES:
        raise _unreadable(path, f"it is larger than {MAX_RECORD_BYTES:,} bytes")
    return path.read_bytes()


def _unreadable(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{path} is not a valid build record: {why}",
        cause="it was edited or cut, or another version of this program wrote it",
        action="build again, or use the version that wrote it",
    )
