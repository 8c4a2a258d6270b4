"""Which version of V8 a program is, by the version string in its data, and whether its snapshots are of that version.

Every V8 keeps its version as a string (``Version::version_string_``, ``src/utils/version.cc``), NUL-terminated, behind
other strings. V8 refuses at start-up a snapshot whose header has another one.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import Buffer
from pipeline.v8.scan import mapped
from pipeline.v8.windows import find_all

HINT = "make the snapshot with a generator that was compiled for this target and linked with this V8"
_MAX_TRIES = 64
# Linkers lay strings right behind texts without a NUL; but these before it make it a part of a longer version.
_VERSION_BYTES = frozenset(bytes([byte]) for byte in b"0123456789.")


def names_engine(data: Buffer, version: str, blobs: Sequence[SnapshotBlob]) -> bool:
    """Return whether *data* has the string *version* outside of *blobs*."""
    places = itertools.islice(find_all(data, version.encode() + b"\0"), _MAX_TRIES)
    outside = (place for place in places if not any(blob.offset <= place < blob.end for blob in blobs))
    return any(place == 0 or bytes(data[place - 1 : place]) not in _VERSION_BYTES for place in outside)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Carried:
    """A snapshot, and what is known of the file that carries it."""

    file: str
    blob: SnapshotBlob
    named: bool
    """Whether the file names the snapshot's version of V8, outside of its snapshots."""
    is_engine: bool
    """Whether the file has V8's machine code, so that it must name its version."""


def check_engines(found: Sequence[Carried], programs: Iterable[tuple[str, Path]]) -> list[Finding]:
    """Return, for each snapshot, whether the product's V8 is of its version.

    *programs* are the ELF files of the product: they are searched where a snapshot's own file does not tell.
    """
    beside = {item.blob.version for item in found if item.named}
    missing = {item.blob.version for item in found} - beside
    searched = [(path, [item.blob for item in found if item.file == name]) for name, path in programs]
    elsewhere = {version for version in missing if any(_holds(path, version, blobs) for path, blobs in searched)}
    known = beside | elsewhere
    return [version_finding(item.file, item.blob, known) for item in found if known or item.is_engine]


def _holds(path: Path, version: str, blobs: Sequence[SnapshotBlob]) -> bool:
    with mapped(path) as data:
        return names_engine(data, version, blobs)


def version_finding(file: str, blob: SnapshotBlob, known: Collection[str]) -> Finding:
    """Return whether the snapshot *blob* in *file* is of one of the versions that are *known* to be in the product."""
    right = blob.version in known
    versions = ", ".join(sorted(known)) or "of another version"
    return Finding(
        id="v8.version",
        severity=Severity.OK if right else Severity.FAIL,
        subject=file,
        offset=blob.offset,
        message=(
            f"was made by V8 {blob.version}, which the product is"
            if right
            else f"was made by V8 {blob.version}, the product holds V8 {versions}"
        ),
        agreement=Agreement.MATCH if right else Agreement.MISMATCH,
        hint="" if right else HINT,
        evidence={"snapshot": blob.version, "product": versions},
    )
