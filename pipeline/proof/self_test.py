"""Tests the verifier on a product: the untouched one must pass, and each variant be rejected with the right finding."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline import fs
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import ArchiveError
from pipeline.model.findings import Finding, Severity, failed, verdict
from pipeline.model.record import Subject
from pipeline.model.self_test import Outcome, SelfTest, SelfTestRow
from pipeline.model.target import Target
from pipeline.proof.generation import Embedded, check_generation, check_snapshots, embedded_snapshots
from pipeline.proof.variants import Donor, Patient, Variant, variants
from pipeline.v8.belonging import FoundBlob
from pipeline.v8.product import Surroundings, check_blobs, own_snapshots, scan_product
from pipeline.v8.scan import mapped


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ward:
    """A product that was unpacked, with its record, if there is one."""

    name: str
    product_dir: Path
    subject: Subject | None = None
    """What the record says; None without a record."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Bed:
    """One embedded snapshot of a product, and all that stays as it is while it is altered."""

    ward: Ward
    file: str
    path: Path
    patient: Patient
    offset: int
    others: tuple[FoundBlob, ...]
    """Snapshots in the product's other files."""
    embedded: tuple[Embedded, ...]
    """The same, for the record's checks."""
    programs: tuple[tuple[str, Path], ...]
    """The product's other ELF files."""
    target: Target | None
    """Of the program that holds the snapshot, or of those beside a file of data; None: not known, or several."""


def self_test(ward: Ward, donors: Sequence[Ward] = ()) -> tuple[SelfTest, ...]:
    """Return a matrix for each snapshot of an embedder in the product; none where it has none.

    Snapshots of the *donors* are put in the place of the product's own.
    """
    given = tuple(donor for other in donors for donor in _donors(other))
    return tuple(_matrix(bed, given) for bed in _beds(ward))


def _beds(ward: Ward) -> Iterator[_Bed]:
    files = _named_files(ward.product_dir)
    found = scan_product(files, ())
    own = own_snapshots(found)
    embedded = embedded_snapshots(files)
    paths = dict(files)
    targets = {target for _, path in files if (target := _target(path)) is not None}
    for item in found:
        if item in own or item.blob.problems:
            continue
        content = _content(paths[item.file], item.blob.offset, _whole_size(item, ward.subject))
        target = _target(paths[item.file]) or (next(iter(targets)) if len(targets) == 1 else None)
        yield _Bed(
            ward=ward,
            file=item.file,
            path=paths[item.file],
            patient=Patient(
                blob=dataclasses.replace(item.blob, offset=0),
                content=content,
                target=target.name if target else "unknown",
            ),
            offset=item.blob.offset,
            others=tuple(other for other in found if other.file != item.file),
            embedded=tuple(other for other in embedded if other.file != item.file),
            programs=tuple((name, path) for name, path in files if name != item.file and is_elf(path)),
            target=target,
        )


def _donors(ward: Ward) -> Iterator[Donor]:
    for bed in _beds(ward):
        patient = bed.patient
        yield Donor(
            name=ward.name, target=patient.target, version=patient.blob.version, content=patient.content
        )  # fmt: skip


def _named_files(root: Path) -> tuple[tuple[str, Path], ...]:
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())
    return tuple((path.relative_to(root).as_posix(), path) for path in paths if path.name != fs.SENTINEL_NAME)


def _whole_size(item: FoundBlob, subject: Subject | None) -> int:
    """Return the size of the snapshot with what the embedder appended, which only a record tells."""
    files = [file for package in subject.snapshots for file in package.files] if subject else []
    sizes = [file.size_bytes for file in files if file.v8 and file.v8.size_bytes == item.blob.size_bytes]
    return max(sizes, default=item.blob.size_bytes)


def _content(path: Path, offset: int, size_bytes: int) -> bytes:
    with mapped(path) as data:
        return data[offset : offset + size_bytes]


def _target(path: Path) -> Target | None:
    try:
        return read_elf(path).target() if is_elf(path) else None
    except ArchiveError:
        return None


def _matrix(bed: _Bed, donors: tuple[Donor, ...]) -> SelfTest:
    rows = [_untouched(bed)]
    rows += [_row(bed, variant) for variant in variants(bed.patient, donors)]
    return SelfTest(
        product=bed.ward.name,
        file=bed.file,
        offset=bed.offset,
        target=bed.patient.target,
        v8_version=bed.patient.blob.version,
        by_record=bed.ward.subject is not None,
        rows=tuple(rows),
    )


def _untouched(bed: _Bed) -> SelfTestRow:
    wrong = failed(_judge(bed, bed.path))
    return SelfTestRow(
        variant="untouched",
        expected=(),
        failed=_ids(wrong),
        outcome=Outcome.REFUSED if wrong else Outcome.PASSED,
        said=wrong[0].message if wrong else "",
    )


def _row(bed: _Bed, variant: Variant) -> SelfTestRow:
    expected = tuple(sorted(variant.expected))
    why_not = variant.why_not
    if variant.by_record and bed.ward.subject is None:
        why_not = "only a build record tells it"
    if variant.content is None or why_not:
        return SelfTestRow(
            variant=variant.name, expected=expected, failed=(), outcome=Outcome.NOT_MADE, said=why_not
        )  # fmt: skip
    with _altered(bed, variant, variant.content) as path:
        # Without the record where the snapshot itself must tell, or the record's digests would hide its silence.
        findings = _judge(bed, path, by_record=variant.by_record)
    wrong = failed(findings)
    right = [finding for finding in wrong if finding.id in variant.expected]
    undecided = verdict(findings) is Severity.UNKNOWN
    return SelfTestRow(
        variant=variant.name,
        expected=expected,
        failed=_ids(wrong),
        outcome=Outcome.REJECTED if right else Outcome.UNDECIDED if undecided else Outcome.ACCEPTED,
        said=right[0].message if right else "",
    )


def _ids(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(sorted({finding.id for finding in findings}))


@contextlib.contextmanager
def _altered(bed: _Bed, variant: Variant, content: bytes) -> Iterator[Path]:
    """Yield a copy of the program with *content* in its snapshot's place, or at its end where it does not fit."""
    with tempfile.TemporaryDirectory(prefix="snapstitch-variant-") as directory:
        path = Path(directory) / "program"
        shutil.copyfile(bed.path, path)
        with path.open("r+b") as stream:
            stream.seek(bed.offset)
            stream.write(content if len(content) <= len(bed.patient.content) else bytes(len(bed.patient.content)))
            if len(content) > len(bed.patient.content):
                stream.seek(0, 2)
                stream.write(bytes(-stream.tell() % 16) + content)
            if variant.cut is not None:
                stream.truncate(bed.offset + variant.cut)
        yield path


def _judge(bed: _Bed, path: Path, *, by_record: bool = True) -> tuple[Finding, ...]:
    """Return what the verifier says of the product with *path* as its program."""
    files = ((bed.file, path),)
    programs = (*files, *bed.programs) if is_elf(path) else bed.programs
    around = Surroundings(programs=programs, target=bed.target)
    findings = [*_readable(bed.file, path), *check_blobs((*scan_product(files, ()), *bed.others), around)]
    if by_record and bed.ward.subject is not None:
        embedded = (*embedded_snapshots(files), *bed.embedded)
        findings += check_snapshots(bed.ward.subject, embedded)
        findings += check_generation(bed.ward.subject, embedded)
    return tuple(findings)


def _readable(name: str, path: Path) -> Iterator[Finding]:
    try:
        if is_elf(path):
            read_elf(path)
    except ArchiveError as error:
        yield Finding(
            id="elf.readable", severity=Severity.FAIL, subject=name, message=error.what.replace(str(path), name)
        )
