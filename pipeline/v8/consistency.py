"""Tells whether two V8 snapshots were made for the same architecture, although neither says for which.

A program that embeds a snapshot usually carries V8's own default snapshot too, which was made when that V8 was
built. What V8 itself puts into both must agree. Two parts are compared:

*read-only section*: the heap that holds V8's roots. Up to V8 13 every snapshot of one build has it, in the same size;
only hashes in it vary. Measured for V8 10.2 (five architectures): of the blocks of 32 bytes, 85 to 90 % are equal
for the right architecture, at most 24 % for a wrong one; a wrong one usually differs in size as well. V8 12.4 and
13.6: sizes equal and 84 to 94 % of the bytes equal when right; sizes differ by a factor of three when wrong. From V8 14
on a snapshot may add to that section but never take from it.

*context 0*: the default context. An embedder that leaves it alone has it byte for byte as V8's own snapshot does
(V8 14.5 to 15.0). In V8 10.2 it is the same for all 64-bit little-endian machines and so decides nothing there.
An unequal one means a wrong architecture only if it is a plain context of another build, and not one that the
embedder filled: then most of its pieces are still the same (74 to 76 % where that was measured; filled ones 37 to
55 %), and its size is nearly so.
"""

from __future__ import annotations

import dataclasses

from pipeline.model.findings import Agreement
from pipeline.v8.blob import Section, SnapshotBlob
from pipeline.v8.checksum import Buffer

_MAX_SECTION_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 32
_PIECE_BYTES = 16

_SAME_BLOCKS = 0.5
_SAME_BYTES = 0.8
_OTHER_BYTES = 0.4
_PLAIN_PIECES = 0.65
_PLAIN_SIZE_DIFFERENCE = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Core:
    """The parts of a snapshot that V8 itself makes."""

    version: str
    has_read_only_checksum: bool
    read_only: bytes | None
    context_0: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The verdict, which rule gave it, and the measured evidence."""

    verdict: Agreement
    rule: str
    explanation: str
    evidence: dict[str, str | int | float]


def core_of(data: Buffer, blob: SnapshotBlob) -> Core | None:
    """Return what is to be compared of the snapshot *blob* in *data*; None when it is damaged or beyond limits."""
    parts = [part for part in (blob.read_only, blob.context_0) if part is not None]
    if blob.problems or any(part.size_bytes > _MAX_SECTION_BYTES for part in parts):
        return None

    def content(section: Section) -> bytes:
        return data[blob.offset + section.offset : blob.offset + section.end]

    return Core(
        version=blob.version,
        has_read_only_checksum=blob.has_read_only_checksum,
        read_only=content(blob.read_only) if blob.read_only else None,
        context_0=content(blob.context_0),
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
    return _by_read_only(embedded, own) or _by_context_0(embedded, own)


def _by_read_only(embedded: Core, own: Core) -> Comparison | None:
    first, second = embedded.read_only, own.read_only
    if first is None or second is None:
        return None
    sizes: dict[str, str | int | float] = {"embedded_bytes": len(first), "own_bytes": len(second)}
    if len(first) < len(second) or (len(first) > len(second) and not embedded.has_read_only_checksum):
        return _read_only(Agreement.MISMATCH, f"has {len(first)} bytes, V8's own {len(second)}", sizes)
    if len(first) != len(second):
        return None
    if not embedded.has_read_only_checksum:
        share = _equal_blocks(first, second)
        verdict = Agreement.MATCH if share >= _SAME_BLOCKS else Agreement.MISMATCH
    else:
        share = _equal_bytes(first, second)
        if _OTHER_BYTES < share < _SAME_BYTES:
            return None
        verdict = Agreement.MATCH if share >= _SAME_BYTES else Agreement.MISMATCH
    return _read_only(verdict, f"is {share:.0%} equal to V8's own", sizes | {"equal": round(share, 3)})


def _read_only(verdict: Agreement, explanation: str, evidence: dict[str, str | int | float]) -> Comparison:
    text = f"the snapshot's read-only section {explanation}"
    return Comparison(verdict=verdict, rule="read-only section", explanation=text, evidence=evidence)


def _by_context_0(embedded: Core, own: Core) -> Comparison:
    evidence: dict[str, str | int | float] = {
        "embedded_bytes": len(embedded.context_0),
        "own_bytes": len(own.context_0),
    }
    if embedded.context_0 == own.context_0:
        return _context_0(Agreement.MATCH, "is V8's own, byte for byte", evidence)
    pieces = _shared_pieces(own.context_0, embedded.context_0)
    evidence |= {"shared_pieces": round(pieces, 3)}
    difference = abs(len(embedded.context_0) - len(own.context_0)) / len(own.context_0)
    if pieces >= _PLAIN_PIECES and difference <= _PLAIN_SIZE_DIFFERENCE:
        text = f"is a plain one ({pieces:.0%} of its pieces are V8's own) made by another build of V8"
        return _context_0(Agreement.MISMATCH, text, evidence)
    return _context_0(Agreement.UNKNOWN, "was filled by the embedder, so it tells nothing", evidence)


def _context_0(verdict: Agreement, explanation: str, evidence: dict[str, str | int | float]) -> Comparison:
    text = f"the snapshot's default context {explanation}"
    return Comparison(verdict=verdict, rule="context 0", explanation=text, evidence=evidence)


def _equal_blocks(first: bytes, second: bytes) -> float:
    starts = range(0, len(first), _BLOCK_BYTES)
    equal = sum(first[i : i + _BLOCK_BYTES] == second[i : i + _BLOCK_BYTES] for i in starts)
    return equal / max(len(starts), 1)


def _equal_bytes(first: bytes, second: bytes) -> float:
    # Bytes that are equal are zero in the exclusive or of the two.
    difference = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    return difference.to_bytes(len(first), "little").count(0) / max(len(first), 1)


def _shared_pieces(own: bytes, embedded: bytes) -> float:
    """Return which part of the pieces of *own* occurs anywhere in *embedded*; pieces of few values do not count."""
    known = {embedded[i : i + _PIECE_BYTES] for i in range(len(embedded) - _PIECE_BYTES + 1)}
    starts = range(0, len(own) - _PIECE_BYTES + 1, _PIECE_BYTES)
    telling = [piece for i in starts if len(set(piece := own[i : i + _PIECE_BYTES])) > 4]
    return sum(piece in known for piece in telling) / max(len(telling), 1)
