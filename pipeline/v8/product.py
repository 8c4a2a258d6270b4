"""Checks the snapshots of a whole product: sound, expected, and all of one architecture. Files in, findings out."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.model.findings import Finding, Severity, failed
from pipeline.model.target import Target
from pipeline.v8.belonging import (
    Code,
    FoundBlob,
    check_consistency,
    check_machine_code,
    machine_code,
    with_code_elsewhere,
)
from pipeline.v8.blob import SnapshotBlob, parse
from pipeline.v8.checksum import Buffer
from pipeline.v8.consistency import core_of
from pipeline.v8.engine import Carried, check_engines, names_engine
from pipeline.v8.leaks import Leaks, check_leaks, find_leaks, sidecar_end
from pipeline.v8.likeness import check_likeness
from pipeline.v8.scan import MAX_BLOBS, find_blobs, find_bytes, mapped

LARGE_FILE_BYTES = 64 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpectedSnapshot:
    """A file that the snapshot generator wrote, whose bytes the product must hold."""

    name: str
    path: Path
    blob: SnapshotBlob | None
    """The V8 snapshot that it begins with; None for another machine's."""
    sha256_blob: str | None


def expected_snapshots(paths: Iterable[tuple[str, Path]]) -> tuple[ExpectedSnapshot, ...]:
    """Return those of the generator's files that a product must hold: V8 snapshots, or without any the large files."""
    candidates = tuple(_expected(name, path) for name, path in paths)
    blobs = tuple(candidate for candidate in candidates if candidate.blob)
    if blobs:
        return blobs
    return tuple(c for c in candidates if c.path.stat().st_size >= LARGE_FILE_BYTES)


def scan_product(files: Iterable[tuple[str, Path]], expected: tuple[ExpectedSnapshot, ...]) -> tuple[FoundBlob, ...]:
    """Return every V8 snapshot in the product's *files*, given as name and path."""
    digests = {snapshot.sha256_blob for snapshot in expected}
    found: list[FoundBlob] = []
    for name, path in files:
        with mapped(path) as data:
            blobs = find_blobs(data)
            cores = [core_of(data, blob) for blob in blobs]
            code = machine_code(data, cores)
            found += [
                FoundBlob(
                    file=name,
                    blob=blob,
                    core=core,
                    expected=_digest(data, blob) in digests,
                    code=code.get(core),
                    leaks=find_leaks(data, blob.offset, sidecar_end(data, blob)) if not blob.problems else Leaks(),
                    engine_beside=names_engine(data, blob.version, blobs),
                )
                for blob, core in zip(blobs, cores, strict=True)
            ]
    return tuple(found)


def check_presence(files: tuple[tuple[str, Path], ...], expected: tuple[ExpectedSnapshot, ...]) -> Iterator[Finding]:
    """Yield, for each expected snapshot, whether its bytes occur in the product."""
    for snapshot in expected:
        holders = tuple(name for name, path in files if _holds(path, snapshot.path))
        yield Finding(
            id="snapshot.present",
            severity=Severity.OK if holders else Severity.FAIL,
            subject=snapshot.name,
            message=(
                f"the snapshot that was made for this product is in {', '.join(holders)}"
                if holders
                else "the snapshot that was made for this product is in none of its files"
            ),
            evidence={"size_bytes": snapshot.path.stat().st_size, "found_in": holders},
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of the product that holds the snapshots."""

    programs: tuple[tuple[str, Path], ...] = ()
    """Name and path of its ELF files: one of them may be the V8 of a snapshot that lies in another file."""
    target: Target | None = None
    """For which its programs are; None: unknown, or for several."""
    shipped: bool = False
    """Whether it is a product of one's own, which must not name its builder's home directory."""


def check_blobs(found: tuple[FoundBlob, ...], around: Surroundings | None = None) -> Iterator[Finding]:
    """Yield the findings about each snapshot of a product, and about how they fit together."""
    known = around or Surroundings()
    found = with_code_elsewhere(found, known.programs)
    own = own_snapshots(found)
    yield from _too_many(found)
    for item in found:
        yield _soundness(item)
    versions = check_engines(_carried(found), known.programs)
    yield from versions
    for item in found:
        yield from check_machine_code(item, known.target)
    misfits = {(finding.subject, finding.offset) for finding in failed(versions)}
    for item in found:
        if item not in own and item.core is not None and (item.file, item.blob.offset) not in misfits:
            yield check_consistency(item, own)
            yield from check_likeness(item, own, known.programs, known.target)
        elif item.core is not None:
            yield from check_likeness(item, (), known.programs, known.target)
    for item in found:
        yield from check_leaks(
            item.leaks, subject=item.file, offset=item.blob.offset, target=known.target, shipped=known.shipped
        )


def _carried(found: tuple[FoundBlob, ...]) -> list[Carried]:
    engines = {Code.SAME, Code.OTHER}
    return [
        Carried(file=item.file, blob=item.blob, named=item.engine_beside, is_engine=item.code in engines)
        for item in found
    ]


def own_snapshots(found: tuple[FoundBlob, ...]) -> tuple[FoundBlob, ...]:
    """Return V8's own default snapshots: they have one context and are none that the build made.

    Where several of a file could be it, the smallest is: an embedder only adds.
    """
    candidates: dict[tuple[str, str], FoundBlob] = {}
    for item in found:
        if item.core is None or item.expected or item.blob.contexts != 1:
            continue
        key = (item.file, item.blob.version)
        if key not in candidates or item.blob.size_bytes < candidates[key].blob.size_bytes:
            candidates[key] = item
    return tuple(candidates.values())


def _expected(name: str, path: Path) -> ExpectedSnapshot:
    with mapped(path) as data:
        blob = parse(data)
        digest = _digest(data, blob) if blob else None
    return ExpectedSnapshot(name=name, path=path, blob=blob, sha256_blob=digest)


def _digest(data: Buffer, blob: SnapshotBlob) -> str:
    return hashlib.sha256(data[blob.offset : blob.end]).hexdigest()


def _holds(path: Path, part: Path) -> bool:
    with mapped(path) as data, mapped(part) as wanted:
        return find_bytes(data, wanted) >= 0


def _too_many(found: tuple[FoundBlob, ...]) -> Iterator[Finding]:
    for file, count in Counter(item.file for item in found).items():
        if count >= MAX_BLOBS:
            yield Finding(
                id="v8.snapshots",
                severity=Severity.UNKNOWN,
                subject=file,
                message=f"holds {count} snapshots or more; what comes after those was not looked at",
                evidence={"count": count},
            )


def _soundness(item: FoundBlob) -> Finding:
    blob = item.blob
    contexts = f"{blob.contexts} context{'s' if blob.contexts > 1 else ''}"
    return Finding(
        id="v8.snapshot",
        severity=Severity.FAIL if blob.problems else Severity.OK,
        subject=item.file,
        offset=item.blob.offset,
        message=(
            f"is damaged: {'; '.join(blob.problems)}"
            if blob.problems
            else f"is a sound snapshot of V8 {blob.version} with {contexts}"
            + (", made by this build" if item.expected else "")
        ),
        evidence={
            "offset": blob.offset,
            "size_bytes": blob.size_bytes,
            "version": blob.version,
            "contexts": blob.contexts,
            "checksum": f"{blob.checksum:#010x}",
            "checksum_kind": blob.checksum_kind.value if blob.checksum_kind else None,
            "magic": f"{blob.magic:#010x}",
            "problems": blob.problems,
        },
    )
