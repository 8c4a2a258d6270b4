"""Which version of V8 a program is, by the version string in its data, and whether its snapshots are of that version.

Every V8 keeps its version as a string (``Version::version_string_``, ``src/utils/version.cc``), NUL-terminated, beside
other strings. V8 refuses at start-up a snapshot whose header has another one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import Buffer
from pipeline.v8.scan import mapped
from pipeline.v8.windows import find_all

_MAX_TRIES = 64


def names_engine(data: Buffer, version: str, blobs: Sequence[SnapshotBlob]) -> bool:
    """Return whether *data* has the string *version* outside of *blobs*."""
    wanted = b"\0" + version.encode() + b"\0"
    places = itertools.islice(find_all(data, wanted), _MAX_TRIES)
    return any(not any(blob.offset <= place < blob.end for blob in blobs) for place in places)


def check_engines(
    found: Sequence[tuple[str, SnapshotBlob, bool]], programs: Iterable[tuple[str, Path]]
) -> list[Finding]:
    """Return, for each snapshot (file, snapshot, whether its own file is V8 of that version), whose V8 it belongs to.

    *programs* are the ELF files of the product: they are searched where a snapshot's own file does not tell.
    """
    beside = {blob.version for _file, blob, here in found if here}
    missing = {blob.version for _file, blob, _here in found} - beside
    elsewhere = {version for version in missing if any(_holds(path, version) for _name, path in programs)}
    known = beside | elsewhere
    return [_finding(file, blob, known) for file, blob, _here in found] if known else []


def _holds(path: Path, version: str) -> bool:
    with mapped(path) as data:
        return names_engine(data, version, ())


def _finding(file: str, blob: SnapshotBlob, known: set[str]) -> Finding:
    right = blob.version in known
    versions = ", ".join(sorted(known))
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
        evidence={"snapshot": blob.version, "product": versions},
    )
