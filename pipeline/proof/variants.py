"""Products that are wrong on purpose, each in one way: what a verifier that cannot be fooled must reject.

A variant is a copy of a program whose embedded snapshot was replaced or damaged. Where a checksum would give the
damage away it is computed again, so that each variant is caught by what it is about, or by nothing.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.checksum import checksum

_CHECKSUM_AT = 8
_CHECKED_FROM = 12
_READ_ONLY_CHECKSUM_AT = 12
_WORD = struct.Struct("<I")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Donor:
    """A snapshot of another product."""

    name: str
    target: str
    """For which the program that holds it is."""
    version: str
    content: bytes
    """V8's part and, where its length is known, what the embedder appended."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patient:
    """The snapshot that is to be made wrong, alone: its offsets begin at 0."""

    blob: SnapshotBlob
    content: bytes
    """With what the embedder appended, where its length is known."""
    target: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One way of being wrong."""

    name: str
    expected: frozenset[str]
    """Ids of findings, one of which must fail."""
    by_record: bool = False
    """Whether only the build record can tell."""
    content: bytes | None
    """The wrong snapshot; None: it cannot be made of what is there."""
    cut: int | None = None
    """The file ends so many bytes after the snapshot's beginning."""
    why_not: str = ""


def variants(patient: Patient, donors: tuple[Donor, ...]) -> Iterator[Variant]:
    """Yield every variant of *patient*, those that need something that is not there among them."""
    yield from _architectures(patient, donors)
    yield Variant(
        name="another version of V8", expected=frozenset({"v8.version"}), content=_other_version(patient)
    )  # fmt: skip
    yield Variant(name="flipped magic", expected=_DAMAGED, content=_flipped_magic(patient))
    yield Variant(name="flipped checksum", expected=_DAMAGED, content=_flip(patient.content, _CHECKSUM_AT))
    yield Variant(name="truncated snapshot", expected=_DAMAGED, content=_truncated(patient))
    yield Variant(
        name="truncated file", expected=_DAMAGED | {"elf.readable"}, content=patient.content,
        cut=patient.blob.size_bytes * 3 // 4,
    )  # fmt: skip
    yield Variant(name="shuffled offsets", expected=_DAMAGED, content=_shuffled_offsets(patient))
    yield Variant(
        name="shuffled sections", expected=frozenset({"v8.build", "v8.consistency", "v8.code"}),
        content=_shuffled_sections(patient),
    )  # fmt: skip
    yield Variant(name="older table of references", expected=frozenset({"v8.build"}), content=_older_table(patient))
    yield from _generations(patient, donors)


_DAMAGED = frozenset({"v8.snapshot"})
_ARCHITECTURE = frozenset({"v8.consistency", "v8.code"})
_GENERATION = frozenset({"record.snapshot", "record.generation"})


def _architectures(patient: Patient, donors: tuple[Donor, ...]) -> Iterator[Variant]:
    others = {donor.target: donor for donor in donors if donor.target != patient.target}
    fitting = {target: donor for target, donor in others.items() if donor.version == patient.blob.version}
    for target, donor in sorted(fitting.items()):
        yield Variant(name=f"snapshot of {target}", expected=_ARCHITECTURE, content=donor.content)
    if not fitting:
        why = "those given are of another V8" if others else "no product for another architecture was given"
        yield Variant(name="snapshot of another architecture", expected=_ARCHITECTURE, content=None, why_not=why)


def _generations(patient: Patient, donors: tuple[Donor, ...]) -> Iterator[Variant]:
    changed = bytearray(patient.content)
    last = patient.blob.sections[-1]
    changed[last.offset + last.size_bytes // 2] ^= 1
    yield Variant(
        name="snapshot of another run", expected=_GENERATION, by_record=True, content=_sealed(patient, changed)
    )  # fmt: skip
    if len(patient.content) > patient.blob.size_bytes:
        yield Variant(
            name="changed sidecar", expected=_GENERATION, by_record=True,
            content=_flip(patient.content, (patient.blob.size_bytes + len(patient.content)) // 2),
        )  # fmt: skip
    older = [donor for donor in donors if donor.target == patient.target and donor.content != patient.content]
    for number, donor in enumerate(older, start=1):
        yield Variant(
            name=f"snapshot of another build, {number}" if len(older) > 1 else "snapshot of another build",
            expected=_GENERATION | _ARCHITECTURE | {"v8.version", "v8.build"}, content=donor.content,
            by_record=donor.version == patient.blob.version,
        )  # fmt: skip


def _flip(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


def _sealed(patient: Patient, changed: bytearray) -> bytes:
    """Return *changed* with checksums that fit: that of the read-only section, then that over everything."""
    blob = patient.blob
    kind = blob.checksum_kind
    if kind is None:
        return bytes(changed)
    if blob.has_read_only_checksum and blob.read_only is not None:
        part = blob.read_only
        word = checksum(kind, bytes(changed[part.offset : part.end]), 0, part.size_bytes)
        _WORD.pack_into(changed, _READ_ONLY_CHECKSUM_AT, word)
    word = checksum(kind, bytes(changed[: blob.size_bytes]), _CHECKED_FROM, blob.size_bytes)
    _WORD.pack_into(changed, _CHECKSUM_AT, word)
    return bytes(changed)


def _other_version(patient: Patient) -> bytes:
    """Return the snapshot with the last digit of the version's third number changed."""
    changed = bytearray(patient.content)
    version = patient.blob.version.encode()
    place = patient.content.index(version + b"\0") + len(b".".join(version.split(b".")[:3])) - 1
    changed[place] = ord("1") if changed[place] != ord("1") else ord("2")
    return _sealed(patient, changed)


def _flipped_magic(patient: Patient) -> bytes:
    changed = bytearray(patient.content)
    changed[patient.blob.sections[-1].offset + 2] ^= 0xFF
    return _sealed(patient, changed)


def _truncated(patient: Patient) -> bytes:
    kept = patient.blob.size_bytes * 3 // 4
    return patient.content[:kept] + bytes(patient.blob.size_bytes - kept) + patient.content[patient.blob.size_bytes :]


def _shuffled_offsets(patient: Patient) -> bytes:
    """Return the snapshot with the offsets of its last two sections exchanged."""
    changed = bytearray(patient.content)
    blob = patient.blob
    table = (80 if blob.has_read_only_checksum else 76) + 4 * (len(blob.sections) - 3)
    changed[table : table + 8] = changed[table + 4 : table + 8] + changed[table : table + 4]
    return _sealed(patient, changed)


def _shuffled_sections(patient: Patient) -> bytes:
    """Return the snapshot with start-up and read-only section exchanged, and everything else made to fit."""
    blob = patient.blob
    first, second = blob.sections[:2]
    changed = bytearray(patient.content)
    parts = [patient.content[part.offset : part.end] for part in (second, first)]
    changed[first.offset : second.end] = b"".join(parts)
    table = 80 if blob.has_read_only_checksum else 76
    _WORD.pack_into(changed, table, first.offset + len(parts[0]))
    moved = (
        dataclasses.replace(second, offset=first.offset),
        dataclasses.replace(first, offset=first.offset + second.size_bytes),
    )
    # Where the read-only section is told by its checksum it is found again, in the other place.
    index = {0: 1, 1: 0}.get(blob.read_only_index) if blob.read_only_index is not None else None
    after = dataclasses.replace(blob, sections=(*moved, *blob.sections[2:]), read_only_index=index)
    return _sealed(dataclasses.replace(patient, blob=after), changed)


def _older_table(patient: Patient) -> bytes:
    """Return the snapshot as a V8 with one external reference less would have made it."""
    changed = bytearray(patient.content)
    size = patient.blob.magic ^ 0xC0DE0000
    for section in patient.blob.sections:
        _WORD.pack_into(changed, section.offset, 0xC0DE0000 ^ (size - 1))
    return _sealed(patient, changed)
