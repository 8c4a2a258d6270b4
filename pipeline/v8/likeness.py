"""Whether a snapshot has the shape that every snapshot of one V8 build has.

The magic number is made of the size of V8's table of external references, and the order of the sections and the
checksum's algorithm are V8's, too: they are equal in V8's own snapshot and an embedder's. docs/verify.md has what was
measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.v8.belonging import FoundBlob
from pipeline.v8.blob import SnapshotBlob

_ORDERS = {0: "read-only section first", 1: "read-only section second", 2: "read-only section third", None: "unknown"}


def check_likeness(item: FoundBlob, own: Sequence[FoundBlob]) -> Iterator[Finding]:
    """Yield a failure where *item* is shaped unlike each of V8's *own* snapshots of its version."""
    like = [other.blob for other in own if other.blob.version == item.blob.version]
    if not like or item.blob.problems:
        return
    differences = min((_differences(item.blob, other) for other in like), key=len)
    if differences:
        yield Finding(
            id="v8.build",
            severity=Severity.FAIL,
            subject=item.file,
            offset=item.blob.offset,
            message=f"was made by another build of V8 {item.blob.version}: {'; '.join(differences)}",
            agreement=Agreement.MISMATCH,
            hint="make the snapshot with a generator that is linked with this V8",
        )


def _differences(blob: SnapshotBlob, own: SnapshotBlob) -> list[str]:
    shapes = {
        "magic": (f"{blob.magic:#010x}", f"{own.magic:#010x}"),
        "order": (_ORDERS[blob.read_only_index], _ORDERS[own.read_only_index]),
        "checksum": (str(blob.checksum_kind), str(own.checksum_kind)),
    }
    return [f"{name} is {ours}, V8's own {theirs}" for name, (ours, theirs) in shapes.items() if ours != theirs]
