"""Whether a snapshot has the shape that every snapshot of one V8 build has.

The magic number is made of the size of V8's table of external references, and the order of the sections and the
checksum's algorithm are V8's, too: they are equal in V8's own snapshot and an embedder's. docs/verify.md has what was
measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import Target
from pipeline.v8.belonging import Code, FoundBlob
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.code_sizes import find_table
from pipeline.v8.magic import has_other_magic
from pipeline.v8.scan import find_blobs, mapped

_MEASURED_MAJORS = range(11, 16)
_READ_ONLY_FIRST = 15
_ORDERS = {0: "read-only section first", 1: "read-only section second", 2: "read-only section third", None: "unknown"}


def check_likeness(
    item: FoundBlob,
    own: Sequence[FoundBlob],
    programs: Sequence[tuple[str, Path]] = (),
    target: Target | None = None,
) -> Iterator[Finding]:
    """Yield a failure where *item* is shaped unlike each of V8's *own* snapshots of its version.

    Where there is none, or *item* is V8's own, by what V8 of that version does, and by the *programs*, which are for
    *target*.
    """
    like = [other.blob for other in own if other.blob.version == item.blob.version]
    if item.blob.problems:
        return
    if like:
        differences = min((_differences(item.blob, other) for other in like), key=len)
    else:
        differences = [*_by_version(item.blob), *_by_program(item, programs, target)]
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


def _by_version(blob: SnapshotBlob) -> Iterator[str]:
    major = int(blob.version.partition(".")[0])
    if major in _MEASURED_MAJORS and blob.read_only_index != (wanted := 0 if major >= _READ_ONLY_FIRST else 1):
        yield f"order is {_ORDERS[blob.read_only_index]}, that of V8 {major} {_ORDERS[wanted]}"


def _by_program(item: FoundBlob, programs: Sequence[tuple[str, Path]], target: Target | None) -> Iterator[str]:
    if item.code is not Code.SAME or target is None or item.core is None:
        return
    for name, path in programs:
        with mapped(path) as data:
            if find_table(data, item.core.code_sizes) is None:
                continue
            spans = ((blob.offset, blob.end) for blob in (find_blobs(data) if name == item.file else ()))
            if has_other_magic(data, target.name, item.blob.magic, spans):
                yield f"magic is {item.blob.magic:#010x}, which the machine code of {name} does not have"


def _differences(blob: SnapshotBlob, own: SnapshotBlob) -> list[str]:
    shapes = {
        "magic": (f"{blob.magic:#010x}", f"{own.magic:#010x}"),
        "order": (_ORDERS[blob.read_only_index], _ORDERS[own.read_only_index]),
        "checksum": (str(blob.checksum_kind), str(own.checksum_kind)),
    }
    return [f"{name} is {ours}, V8's own {theirs}" for name, (ours, theirs) in shapes.items() if ours != theirs]
