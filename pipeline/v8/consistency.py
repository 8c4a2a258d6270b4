"""Tells whether two V8 snapshots were made for the same architecture, although neither says for which.

A program that embeds a snapshot usually carries V8's own default snapshot too, which was made when that V8 was
built. What V8 itself puts into both must agree. The first part that both have decides:

*builtins*: the sizes of their machine code, which every snapshot of V8 11 and later lists (``code_sizes.py``). Equal
lists mean one build for one architecture, unequal ones do not: nothing of it is a matter of degree.

*read-only section*, for the V8 before that: the heap that holds V8's roots. Every snapshot of one build has it, in the
same size; only hashes in it vary. Measured for V8 10.2 (five architectures): of the blocks of 32 bytes, 85 to 90 %
are equal for the right architecture, at most 24 % for a wrong one; a wrong one usually differs in size as well.

What does not decide: the read-only section of a later V8 (with pointer compression 99 % of its bytes are equal on
x86-64 and AArch64, in V8 15.8; in 11.3 and from 14 on right ones may differ), and the default context (in V8 10.2 the
same on all 64-bit little-endian machines; filled by many embedders). Whether the default context is V8's own
is in the evidence.
"""

from __future__ import annotations

import dataclasses

from pipeline.model.findings import Agreement
from pipeline.v8.blob import Section, SnapshotBlob
from pipeline.v8.checksum import Buffer
from pipeline.v8.code_sizes import code_sizes, equal_share, same_builtins
from pipeline.v8.trampolines import Trampolines, trampolines

_MAX_SECTION_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 32
_SAME_BLOCKS = 0.5

Evidence = dict[str, str | int | float | bool]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Core:
    """The parts of a snapshot that V8 itself makes."""

    version: str
    has_read_only_checksum: bool
    read_only: bytes | None
    context_0: bytes
    code_sizes: tuple[int, ...] = ()
    """Sizes of the builtins' machine code; empty where the snapshot lists none (V8 10)."""
    trampolines: Trampolines | None = None
    """The machine code that V8 10's snapshots hold instead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The verdict, which rule gave it, and the measured evidence."""

    verdict: Agreement
    rule: str
    explanation: str
    evidence: Evidence


def core_of(data: Buffer, blob: SnapshotBlob) -> Core | None:
    """Return what is to be compared of the snapshot *blob* in *data*; None when it is damaged or beyond limits."""
    parts = [part for part in (blob.read_only, blob.context_0) if part is not None]
    if blob.problems or any(part.size_bytes > _MAX_SECTION_BYTES for part in parts):
        return None

    def content(section: Section) -> bytes:
        return data[blob.offset + section.offset : blob.offset + section.end]

    # The builtins stand in the start-up section or in the read-only one, which are the first two.
    code_sections = [content(section) for section in blob.sections[:2] if section.size_bytes <= _MAX_SECTION_BYTES]
    listed = max((code_sizes(section) for section in code_sections), key=len, default=())
    return Core(
        version=blob.version,
        has_read_only_checksum=blob.has_read_only_checksum,
        read_only=content(blob.read_only) if blob.read_only else None,
        context_0=content(blob.context_0),
        code_sizes=listed,
        trampolines=trampolines(code_sections[0]) if code_sections and not listed else None,
    )


def compare(embedded: Core, own: Core) -> Comparison:
    """Compare an embedder's snapshot with V8's *own*, of the same program."""
    if embedded.version != own.version:
        return Comparison(
            verdict=Agreement.UNKNOWN,
            rule="version",
            explanation=f"V8 {embedded.version} and {own.version} cannot be compared",
            evidence={"embedded": embedded.version, "own": own.version},
        )
    found = _by_builtins(embedded, own) or _by_read_only(embedded, own) or _undecided(embedded, own)
    same_context = embedded.context_0 == own.context_0
    return dataclasses.replace(found, evidence=found.evidence | {"context_0_is_own": same_context})


def _by_builtins(embedded: Core, own: Core) -> Comparison | None:
    first, second = embedded.code_sizes, own.code_sizes
    if not first or not second:
        return None
    same = same_builtins(first, second)
    share = 1.0 if same else equal_share(first, second)
    text = f"all {len(first)} builtins that the snapshot lists have the sizes that V8's own has"
    if not same:
        text = f"of the {len(first)} builtins that the snapshot lists, {share:.1%} have the sizes that V8's own has"
    return Comparison(
        verdict=Agreement.MATCH if same else Agreement.MISMATCH,
        rule="builtins",
        explanation=text,
        evidence={"embedded_builtins": len(first), "own_builtins": len(second), "equal": round(share, 3)},
    )


def _by_read_only(embedded: Core, own: Core) -> Comparison | None:
    first, second = embedded.read_only, own.read_only
    later = embedded.has_read_only_checksum or own.has_read_only_checksum
    listed = embedded.code_sizes or own.code_sizes
    if first is None or second is None or later or listed:
        return None
    sizes: Evidence = {"embedded_bytes": len(first), "own_bytes": len(second)}
    if len(first) != len(second):
        return _read_only(Agreement.MISMATCH, f"has {len(first)} bytes, V8's own {len(second)}", sizes)
    share = _equal_blocks(first, second)
    verdict = Agreement.MATCH if share >= _SAME_BLOCKS else Agreement.MISMATCH
    return _read_only(verdict, f"is {share:.0%} equal to V8's own", sizes | {"equal": round(share, 3)})


def _read_only(verdict: Agreement, explanation: str, evidence: Evidence) -> Comparison:
    text = f"the snapshot's read-only section {explanation}"
    return Comparison(verdict=verdict, rule="read-only section", explanation=text, evidence=evidence)


def _undecided(embedded: Core, own: Core) -> Comparison:
    which = "neither snapshot lists" if not (embedded.code_sizes or own.code_sizes) else "only one of the two lists"
    return Comparison(
        verdict=Agreement.UNKNOWN,
        rule="builtins",
        explanation=f"{which} V8's builtins in a form that is known",
        evidence={"embedded_builtins": len(embedded.code_sizes), "own_builtins": len(own.code_sizes)},
    )


def _equal_blocks(first: bytes, second: bytes) -> float:
    starts = range(0, len(first), _BLOCK_BYTES)
    equal = sum(first[i : i + _BLOCK_BYTES] == second[i : i + _BLOCK_BYTES] for i in starts)
    return equal / max(len(starts), 1)
