"""Snapshots in a product against those that its record declares: each is there, and no other of its kind.

One build makes one snapshot per lifted package, and every program of the product must hold that one. A product whose
programs hold different ones works in tests that start only one of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import record
from pipeline.model.findings import Finding, Severity
from pipeline.model.record import SnapshotFile, Subject, V8Facts
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import Buffer
from pipeline.v8.scan import find_blobs, mapped

_WINDOW_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedded:
    """A V8 snapshot in a file of the product."""

    file: str
    path: Path
    blob: SnapshotBlob

    def sha256(self, size_bytes: int) -> str | None:
        """Return the digest of *size_bytes* from where it begins; None where the file is shorter."""
        with mapped(self.path) as data:
            if self.blob.offset + size_bytes > len(data):
                return None
            return _sha256(data, self.blob.offset, self.blob.offset + size_bytes)


def embedded_snapshots(files: Iterable[tuple[str, Path]]) -> tuple[Embedded, ...]:
    """Return every V8 snapshot in *files*, given as name and path."""
    found = []
    for name, path in files:
        with mapped(path) as data:
            found += [Embedded(file=name, path=path, blob=blob) for blob in find_blobs(data)]
    return tuple(found)


def check_snapshots(subject: Subject, found: tuple[Embedded, ...]) -> Iterator[Finding]:
    """Yield, for each V8 snapshot that the record declares, whether the product holds it and it is as described."""
    for package in subject.snapshots:
        for file in package.files:
            if file.v8 is not None:
                yield _check_snapshot(f"{package.package}/{file.path}", file, file.v8, found)


def check_generation(subject: Subject, found: tuple[Embedded, ...]) -> Iterator[Finding]:
    """Yield a failure for what makes two generations of one: in the record, or among the product's snapshots."""
    wrong = False
    for (package, version), count in Counter((item.package, item.version) for item in subject.snapshots).items():
        if count > 1:
            wrong = True
            yield _generation(f"{package} {version}", f"has {count} snapshots in the record, where one build makes one")
    declared = [file for package in subject.snapshots for file in package.files if file.v8]
    for item in found:
        rivals = [file for file in declared if _same_kind(item, file)]
        if rivals and all(item.sha256(file.size_bytes) != file.sha256 for file in declared):
            wrong = True
            names = ", ".join(file.path for file in rivals)
            yield _generation(
                item.file, f"holds a snapshot at {item.blob.offset} that looks like {names} and is another one"
            )
    if declared and not wrong:
        yield Finding(
            id="record.generation", severity=Severity.OK, subject=f"{len(declared)} declared",
            message="no other snapshot of their kind is in the product",
        )  # fmt: skip


def check_one_generation(subjects: Iterable[tuple[str, Subject]]) -> Iterator[Finding]:
    """Yield whether products, given as name and subject, that were said to belong together hold equal snapshots."""
    first: dict[tuple[str, str, str, str], tuple[str, str]] = {}
    wrong = False
    for name, subject in subjects:
        for package in subject.snapshots:
            for file in package.files:
                key = (subject.target, package.package, package.version, file.path)
                before, sha256 = first.setdefault(key, (name, file.sha256))
                if sha256 != file.sha256:
                    wrong = True
                    yield _generation(
                        f"{package.package}/{file.path}", f"differs between {before} and {name}, of one generation"
                    )
    if first and not wrong:
        yield Finding(
            id="record.generation", severity=Severity.OK, subject="all products",
            message="were made with the same snapshots",
        )  # fmt: skip


def _generation(subject: str, message: str) -> Finding:
    return Finding(id="record.generation", severity=Severity.FAIL, subject=subject, message=message)


def _check_snapshot(name: str, file: SnapshotFile, facts: V8Facts, found: tuple[Embedded, ...]) -> Finding:
    holders = [item for item in found if item.sha256(file.size_bytes) == file.sha256]
    if not holders:
        return Finding(
            id="record.snapshot", severity=Severity.FAIL, subject=name,
            message=f"the snapshot of the record ({file.size_bytes} bytes, {file.sha256[:16]}…) is not in the product",
        )  # fmt: skip
    wrong = _wrong_facts(facts, record.v8_facts(holders[0].blob))
    return Finding(
        id="record.snapshot",
        severity=Severity.FAIL if wrong else Severity.OK,
        subject=name,
        message="; ".join(wrong) or f"is in {', '.join(item.file for item in holders)}, as the record describes it",
        evidence={"sha256": file.sha256, "found_in": tuple(f"{item.file} at {item.blob.offset}" for item in holders)},
    )


def _wrong_facts(recorded: V8Facts, measured: V8Facts) -> list[str]:
    return [
        f"{name} is {getattr(recorded, name)} in the record, {getattr(measured, name)} in the product"
        for name in V8Facts.model_fields
        if getattr(recorded, name) != getattr(measured, name)
    ]


def _same_kind(item: Embedded, file: SnapshotFile) -> bool:
    """Tell whether *item* could be taken for *file*: V8's own snapshot has one context, ours its own number."""
    facts = file.v8
    return facts is not None and facts.contexts == item.blob.contexts > 1 and facts.version == item.blob.version


def _sha256(data: Buffer, start: int, end: int) -> str:
    digest = hashlib.sha256()
    for place in range(start, end, _WINDOW_BYTES):
        digest.update(data[place : min(place + _WINDOW_BYTES, end)])
    return digest.hexdigest()
