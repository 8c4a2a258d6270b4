"""Computes again what a build record says, from whatever is at hand, and points at each value that does not hold.

A record is bound twice: by digests over itself, which show a change that was made without computing them again, and
by what its values say about files, which shows a change that was made with care. Values that nothing at hand
can confirm are named in one finding (``record.claims``).
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import archive, fs, record
from pipeline.elf.facts import ElfFacts
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import ArchiveError
from pipeline.model.findings import Finding, Severity, verdict
from pipeline.model.record import BuildRecord, FileRecord
from pipeline.model.target import TARGETS
from pipeline.model.toolchain import Toolchain
from pipeline.proof.generation import Embedded, check_generation, check_snapshots, embedded_snapshots

_SHOWN = 5
_NEVER_CONFIRMED = (
    "patches", "features", "profile", "assumed_libraries", "steps", "findings", "pipeline_version", "built_at",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordOrder:
    """A record, the product that it is about, and what else is there to compare with."""

    record_path: Path
    product_dir: Path
    """The product's files, as they are unpacked."""
    zip_path: Path | None = None
    """The zip that they came from."""
    lock: Path | None = None
    """The Cargo.lock that the build must have used."""
    generators: tuple[Path, ...] = ()
    """Programs that must have made the snapshots."""
    toolchain: Toolchain | None = None
    """The toolbox that this machine would build with."""


def check_record(order: RecordOrder) -> tuple[Finding, ...]:
    """Return what is to be said about the record; a record that cannot be read is one failure."""
    try:
        made = record.read_unsealed(order.record_path)
    except ArchiveError as error:
        return (_finding("record.readable", Severity.FAIL, order.record_path.name, error.what),)
    return tuple(_findings(order, made))


def _findings(order: RecordOrder, made: BuildRecord) -> Iterator[Finding]:
    yield _seals(order, made)
    yield _zip(order, made)
    yield from _files(order.product_dir, made.subject.files)
    yield _target(order.product_dir, made)
    yield _glibc(order.product_dir, made)
    found = embedded_snapshots(_named_files(order.product_dir))
    yield from check_snapshots(made.subject, found)
    yield from check_generation(made.subject, found)
    yield _vm(made, found)
    yield _verdict(made)
    yield from _compared(order, made)


def _finding(check: str, severity: Severity, subject: str, message: str) -> Finding:
    return Finding(id=check, severity=severity, subject=subject, message=message)


def _held(check: str, subject: str, problems: list[str], right: str) -> Finding:
    """Return the finding of a check that found *problems*, or none."""
    return _finding(check, Severity.FAIL if problems else Severity.OK, subject, "; ".join(problems) or right)


def _seals(order: RecordOrder, made: BuildRecord) -> Finding:
    broken = record.broken_seals(made)
    problems = [
        f"{name} does not fit what it stands for: the record was changed after it was written" for name in broken
    ]
    return _held("record.digest", order.record_path.name, problems, "is as it was written")


def _zip(order: RecordOrder, made: BuildRecord) -> Finding:
    subject = made.subject
    if order.zip_path is None:
        return _finding("record.zip", Severity.INFO, subject.zip_name, "was not compared: its files are there unpacked")
    problems = []
    size_bytes, sha256 = order.zip_path.stat().st_size, fs.sha256_file(order.zip_path)
    if size_bytes != subject.zip_size_bytes:
        problems.append(f"zip_size_bytes is {subject.zip_size_bytes}, the zip has {size_bytes}")
    if sha256 != subject.zip_sha256:
        problems.append(f"zip_sha256 is {_short(subject.zip_sha256)}, the zip's is {_short(sha256)}")
    if order.zip_path.name != subject.zip_name:
        problems.append(f"zip_name is {subject.zip_name}, the zip is {order.zip_path.name}")
    return _held("record.zip", order.zip_path.name, problems, "is the zip that the record is about")


def _named_files(root: Path) -> tuple[tuple[str, Path], ...]:
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.name != fs.SENTINEL_NAME)
    return tuple((path.relative_to(root).as_posix(), path) for path in paths)


def _files(root: Path, recorded: tuple[FileRecord, ...]) -> Iterator[Finding]:
    present = dict(_named_files(root))
    wrong = 0
    for item in recorded:
        path = present.pop(item.path, None)
        problem = "is in the record and not in the product" if path is None else _file_problem(path, item)
        if problem:
            wrong += 1
            yield _finding("record.files", Severity.FAIL, item.path, problem)
    for name in present:
        wrong += 1
        yield _finding("record.files", Severity.FAIL, name, "is in the product and not in the record")
    if not wrong:
        yield _finding(
            "record.files", Severity.OK, f"{len(recorded)} files", "have the sizes and digests of the record"
        )


def _file_problem(path: Path, item: FileRecord) -> str | None:
    size_bytes = path.stat().st_size
    if size_bytes != item.size_bytes:
        return f"has {size_bytes} bytes, in the record {item.size_bytes}"
    sha256 = fs.sha256_file(path)
    return None if sha256 == item.sha256 else f"has the digest {_short(sha256)}, in the record {_short(item.sha256)}"


def _elf_files(root: Path) -> Iterator[tuple[str, ElfFacts]]:
    for name, path in _named_files(root):
        if is_elf(path):
            try:
                yield name, read_elf(path)
            except ArchiveError:
                continue  # what cannot be read is a finding of the static checks


def _target(root: Path, made: BuildRecord) -> Finding:
    subject = made.subject
    known = next((target for target in TARGETS if target.name == subject.target), None)
    problems = []
    if known is None:
        problems.append(f"there is no target {subject.target}")
    elif known.rust_triple != subject.rust_triple:
        problems.append(f"rust_triple is {subject.rust_triple}, that of {subject.target} is {known.rust_triple}")
    others = [name for name, elf in _elf_files(root) if elf.target() != known]
    if others:
        problems.append(f"target is {subject.target}, another one than that of {', '.join(others[:_SHOWN])}")
    return _held("record.target", subject.target, problems, "is what every ELF file of the product is for")


def _glibc(root: Path, made: BuildRecord) -> Finding:
    needs = [need for _name, elf in _elf_files(root) if (need := elf.newest_version("GLIBC"))]
    floor = ".".join(map(str, max(needs))) if needs else None
    recorded = made.subject.glibc_floor
    problems = [] if floor == recorded else [f"glibc_floor is {recorded}, the files need {floor}"]
    return _held("record.glibc", f"glibc {recorded}", problems, "is the newest that a file of the product needs")


def _vm(made: BuildRecord, found: tuple[Embedded, ...]) -> Finding:
    recorded = made.subject.vm.v8_version
    inside = sorted({item.blob.version for item in found})
    if not inside and recorded is None:
        return _finding(
            "record.v8", Severity.INFO, made.subject.vm.crate, "is no V8, or its snapshots are not to be seen"
        )
    problems = (
        []
        if [recorded] == inside
        else [f"v8_version is {recorded}, the snapshots in the product are of {', '.join(inside) or 'none'}"]
    )
    return _held("record.v8", f"V8 {recorded}", problems, "made every snapshot in the product")


def _verdict(made: BuildRecord) -> Finding:
    right = verdict(made.findings)
    problems = [] if made.verdict is right else [f"verdict is {made.verdict}, the findings say {right}"]
    return _held("record.verdict", made.verdict, problems, "follows from the record's findings")


def _packing(order: RecordOrder, made: BuildRecord) -> Finding | None:
    """Pack the files again, and return whether the same bytes come out; None where that cannot be told here."""
    subject = made.subject
    if order.zip_path is None or subject.deflate != archive.deflate_flavour():
        return None
    members = [
        archive.ZipMember(name=name, source=path, mode=path.stat().st_mode & 0o777)
        for name, path in _named_files(order.product_dir)
    ]
    with tempfile.TemporaryDirectory(prefix="snapstitch-packed-") as directory:
        again = Path(directory) / "again.zip"
        archive.write_zip(again, members, epoch_s=subject.source_date_epoch_s)
        same = fs.sha256_file(again) == fs.sha256_file(order.zip_path)
    problem = (
        f"packed again with source_date_epoch_s {subject.source_date_epoch_s} and {subject.deflate} it is another zip"
    )
    return _held("record.packing", order.zip_path.name, [] if same else [problem], "comes out again, byte for byte")


def _compared(order: RecordOrder, made: BuildRecord) -> Iterator[Finding]:
    """Yield what comparing with things that were given comes to, and which values nothing at hand confirms."""
    checks = {
        "generator_sha256": _generators(order, made),
        "lock_sha256": _lock(order, made),
        "toolchain, toolchain_digest": _toolchain(order, made),
        "executor": _executor(order, made),
        "deflate, source_date_epoch_s": _packing(order, made),
    }
    yield from (finding for finding in checks.values() if finding)
    claims = (*(name for name, finding in checks.items() if finding is None), *_NEVER_CONFIRMED)
    message = f"nothing at hand confirms {', '.join(claims)}; the record's own digest covers them"
    yield _finding("record.claims", Severity.INFO, order.record_path.name, message)


def _lock(order: RecordOrder, made: BuildRecord) -> Finding | None:
    if order.lock is None:
        return None
    recorded, present = made.subject.lock_sha256, fs.sha256_file(order.lock)
    problems = [] if present == recorded else [f"lock_sha256 is {_short(recorded)}, its digest is {_short(present)}"]
    return _held("record.lock", str(order.lock), problems, "is the lock that the build used")


def _toolchain(order: RecordOrder, made: BuildRecord) -> Finding | None:
    """Return whether the toolbox is the one of this machine: another one is no mistake, so that nothing fails."""
    if order.toolchain is None:
        return None
    recorded, present = made.subject.toolchain_digest, order.toolchain.digest
    same = recorded == present and made.subject.toolchain == order.toolchain.tools
    return _finding(
        "record.toolchain",
        Severity.OK if same else Severity.INFO,
        f"toolbox {_short(recorded)}",
        "is the one that this machine builds with"
        if same
        else f"is not the one that this machine builds with, {_short(present)}: distributions renew packages",
    )


def _executor(order: RecordOrder, made: BuildRecord) -> Finding | None:
    """Return whether the emulator is the one of this machine's toolbox; as with the toolbox, nothing fails."""
    executor = made.executor
    if order.toolchain is None or executor is None or executor.name != "qemu":
        return None
    here = (order.toolchain.qemu_version, order.toolchain.target.qemu_cpu)
    same = (executor.version, executor.cpu_model) == here
    return _finding(
        "record.executor",
        Severity.OK if same else Severity.INFO,
        f"{executor.name} {executor.version}, {executor.cpu_model}",
        "is what this machine would run generators with" if same else f"is not this machine's, {here[0]}, {here[1]}",
    )


def _generators(order: RecordOrder, made: BuildRecord) -> Finding | None:
    if not order.generators:
        return None
    present = {fs.sha256_file(path): path.name for path in order.generators}
    problems = [
        f"generator_sha256 of {item.package} is {_short(item.generator_sha256)}, the digest of none of them"
        for item in made.subject.snapshots
        if item.generator_sha256 not in present
    ]
    return _held("record.generator", ", ".join(present.values()), problems, "made the snapshots")


def _short(digest: str) -> str:
    return f"{digest[:16]}…"
