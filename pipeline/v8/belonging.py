"""Whether a snapshot belongs to the program that carries it: to V8's own snapshot there, and to its machine code."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import Target
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import Buffer
from pipeline.v8.code_sizes import find_table, has_table, same_builtins
from pipeline.v8.consistency import Comparison, Core, compare
from pipeline.v8.engine import HINT, version_finding
from pipeline.v8.leaks import Leaks
from pipeline.v8.scan import mapped
from pipeline.v8.trampolines import Trampolines

_ELF_MAGIC = b"\x7fELF"


class Code(enum.Enum):
    """What the machine code in a snapshot's own file says about it."""

    SAME = enum.auto()
    """The file's table of builtins has the sizes that the snapshot lists."""
    OTHER = enum.auto()
    """The file has such a table, with other sizes."""
    UNKNOWN = enum.auto()
    """The file has no such table, or in a form that is not known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundBlob:
    """A V8 snapshot somewhere in the product."""

    file: str
    blob: SnapshotBlob
    core: Core | None
    """None when it is damaged."""
    expected: bool
    """Whether it is one that the build made."""
    code: Code | None = None
    """None: the file is no program, or the snapshot lists no builtins."""
    leaks: Leaks = dataclasses.field(default_factory=Leaks)
    engine_beside: bool = False
    """Whether the file that carries it names the same version of V8 outside of its snapshots."""


def machine_code(data: Buffer, cores: Sequence[Core | None]) -> dict[Core | None, Code]:
    """Return, for each snapshot of the file *data* that lists builtins, what the file's machine code says of it."""
    listing = [core for core in cores if core is not None and core.code_sizes]
    if not listing or data[: len(_ELF_MAGIC)] != _ELF_MAGIC:
        return {}
    lists = {core.code_sizes for core in listing}
    exact = {sizes for sizes in lists if find_table(data, sizes) is not None}
    held = {sizes for sizes in lists if any(same_builtins(sizes, known) for known in exact)}
    if not held and not has_table(data):
        return dict.fromkeys(listing, Code.UNKNOWN)
    return {core: Code.SAME if core.code_sizes in held else Code.OTHER for core in listing}


def with_code_elsewhere(found: Sequence[FoundBlob], programs: Sequence[tuple[str, Path]]) -> tuple[FoundBlob, ...]:
    """Return *found* with what the *programs* of the product say of snapshots whose own file does not tell.

    So it is where a snapshot lies in a file of data (Chromium, Electron, Qt), or V8 in a library beside its program.
    """
    asking = [item for item in found if _listed(item) and item.code in {None, Code.UNKNOWN}]
    if not asking:
        return tuple(found)
    lists = {_listed(item) for item in found if _listed(item)}
    files = {item.file for item in asking}
    exact = _lists_of(programs, lists)
    has_any = bool(exact) or any(_holds_table(path) for name, path in programs if name not in files)
    told = {}
    for item in asking:
        same = any(same_builtins(_listed(item), known) for known in exact)
        told[id(item)] = Code.SAME if same else Code.OTHER if has_any else Code.UNKNOWN
    return tuple(dataclasses.replace(item, code=told.get(id(item), item.code)) for item in found)


def _listed(item: FoundBlob) -> tuple[int, ...]:
    return item.core.code_sizes if item.core else ()


def _lists_of(programs: Iterable[tuple[str, Path]], lists: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = set()
    for _, path in programs:
        with mapped(path) as data:
            found |= {sizes for sizes in lists - found if find_table(data, sizes) is not None}
    return found


def _holds_table(path: Path) -> bool:
    with mapped(path) as data:
        return has_table(data)


def check_machine_code(item: FoundBlob, target: Target | None) -> tuple[Finding, ...]:
    """Return what machine code says about a snapshot; *target* is that of the programs beside it, if known.

    Nothing where the snapshot neither lists builtins nor holds machine code itself.
    """
    if item.core is not None and item.core.trampolines is not None:
        return (_by_trampolines(item, item.core.trampolines, target),)
    if item.code is None or item.core is None:
        return ()
    if item.code is Code.UNKNOWN:
        # Of an embedder's snapshot the comparison with V8's own says more.
        return (_no_table(item),) if item.blob.contexts == 1 else ()
    same = item.code is Code.SAME
    count = len(item.core.code_sizes)
    finding = Finding(
        id="v8.code",
        severity=Severity.OK if same else Severity.FAIL,
        subject=item.file,
        offset=item.blob.offset,
        message=(
            f"lists {count} builtins of the sizes that the program's machine code has"
            if same
            else f"lists {count} builtins of other sizes than the program's machine code has: "
            "it was made for another architecture, or by another build of V8"
        ),
        agreement=Agreement.MATCH if same else Agreement.MISMATCH,
        hint="" if same else HINT,
        evidence={"builtins": count},
    )
    return (finding,)


def _by_trampolines(item: FoundBlob, held: Trampolines, target: Target | None) -> Finding:
    same = target is not None and held.target == target.name
    severity, agreement, meaning = Severity.INFO, Agreement.UNKNOWN, ""
    if target is not None:
        severity, agreement = (Severity.OK, Agreement.MATCH) if same else (Severity.FAIL, Agreement.MISMATCH)
        meaning = ", as its program is" if same else f", but its program is for {target.name}"
    return Finding(
        id="v8.code",
        severity=severity,
        subject=item.file,
        offset=item.blob.offset,
        message=f"holds the machine code of {held.count} jumps to builtins; it is for {held.target}{meaning}",
        agreement=agreement,
        hint=HINT if severity is Severity.FAIL else "",
        evidence={"jumps": held.count, "instructions": held.instructions, "target": held.target},
    )


def _no_table(item: FoundBlob) -> Finding:
    return Finding(
        id="v8.code",
        severity=Severity.UNKNOWN,
        subject=item.file,
        offset=item.blob.offset,
        message="is V8's own, but no program of the product has a table of machine code in a form that is known",
        agreement=Agreement.UNKNOWN,
    )


def check_consistency(item: FoundBlob, own: Sequence[FoundBlob]) -> Finding:
    """Return whether an embedder's snapshot was made for the same architecture as one of V8's *own*.

    Those of the same file count first: what lies in another file may belong to another program.
    """
    beside = [other for other in own if other.file == item.file] or own
    same_version = [other for other in beside if other.blob.version == item.blob.version]
    if beside and not same_version:
        return version_finding(item.file, item.blob, {other.blob.version for other in beside})
    comparisons = [compare(item.core, other.core) for other in same_version if item.core and other.core]
    best = min(comparisons, key=lambda comparison: _PREFERENCE[comparison.verdict], default=None)
    if best is None:
        return _alone(item)
    return Finding(
        id="v8.consistency",
        severity=_SEVERITY[best.verdict],
        subject=item.file,
        offset=item.blob.offset,
        message=_sentence(best),
        agreement=best.verdict,
        hint=HINT if best.verdict is Agreement.MISMATCH else "",
        evidence={"rule": best.rule, **best.evidence},
    )


def _alone(item: FoundBlob) -> Finding:
    """Return what can be said where no snapshot of V8's own is at hand."""
    if item.code is Code.SAME:
        severity, agreement = Severity.OK, Agreement.MATCH
        message = "was made for the architecture of the program's machine code, by its V8"
    else:
        severity, agreement = Severity.UNKNOWN, Agreement.UNKNOWN
        message = "the product holds no snapshot of V8's own to compare with"
    return Finding(
        id="v8.consistency",
        severity=severity,
        subject=item.file,
        offset=item.blob.offset,
        message=message,
        agreement=agreement,
        evidence={"rule": "machine code" if item.code is Code.SAME else "none"},
    )


def _sentence(comparison: Comparison) -> str:
    meaning = {
        Agreement.MATCH: "was made for the same architecture as V8's own",
        Agreement.MISMATCH: "was made for another architecture, or by another build of V8",
        Agreement.UNKNOWN: "may or may not be of the right architecture",
    }
    return f"{meaning[comparison.verdict]}: {comparison.explanation}"


# One match among several candidates is enough; a mismatch says more than not knowing.
_PREFERENCE = {Agreement.MATCH: 0, Agreement.MISMATCH: 1, Agreement.UNKNOWN: 2}
_SEVERITY = {
    Agreement.MATCH: Severity.OK,
    Agreement.MISMATCH: Severity.FAIL,
    Agreement.UNKNOWN: Severity.UNKNOWN,
}
