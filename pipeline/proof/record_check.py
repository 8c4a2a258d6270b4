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

from pipeline import fs, record
from pipeline.elf.facts import ElfFacts
from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import ArchiveError
from pipeline.model.components import COMPONENTS_SUFFIX
from pipeline.model.findings import Finding, Severity, verdict
from pipeline.model.record import RECORD_SUFFIX, BuildRecord, FileRecord
from pipeline.model.target import TARGETS
from pipeline.model.toolchain import Toolchain
from pipeline.packing import zips
from pipeline.proof.generation import Embedded, check_generation, check_snapshots, embedded_snapshots

_SHOWN = 5
_NEVER_CONFIRMED = (
    "generation_sha256", "patches", "features", "profile", "assumed_libraries", "steps", "findings",
    "pipeline_version", "built_at",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordOrder:
    """A record, and what is there to hold it against beside the product itself."""

    record_path: Path
    lock: Path | None = None
    """The Cargo.lock that the build must have used."""
    generators: tuple[Path, ...] = ()
    """Programs that must have made the snapshots."""
    toolchain: Toolchain | None = None
    """The toolbox that this machine would build with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Case:
    """What one check looks at."""

    order: RecordOrder
    made: BuildRecord
    product_dir: Path
    zip_path: Path | None


def check_record(order: RecordOrder, product_dir: Path, zip_path: Path | None = None) -> tuple[Finding, ...]:
    """Return what is to be said about the record of the files in *product_dir*, which came out of *zip_path*.

    A record that cannot be read is one failure.
    """
    try:
        made = record.read_unsealed(order.record_path)
    except ArchiveError as error:
        return (_finding("record.readable", Severity.FAIL, order.record_path.name, error.what),)
    return tuple(_findings(_Case(order=order, made=made, product_dir=product_dir, zip_path=zip_path)))


def _findings(case: _Case) -> Iterator[Finding]:
    made = case.made
    yield _seals(case)
    yield _zip(case)
    yield from _files(case.product_dir, made.subject.files)
    yield _target(case.product_dir, made)
    yield _glibc(case.product_dir, made)
    found = embedded_snapshots(_named_files(case.product_dir))
    yield from check_snapshots(made.subject, found)
    yield from check_generation(made.subject, found)
    yield _vm(made, found)
    yield _verdict(made)
    yield from _compared(case)


def _finding(check: str, severity: Severity, subject: str, message: str) -> Finding:
    return Finding(id=check, severity=severity, subject=subject, message=message)


def _held(check: str, subject: str, problems: list[str], right: str) -> Finding:
    """Return the finding of a check that found *problems*, or none."""
    return _finding(check, Severity.FAIL if problems else Severity.OK, subject, "; ".join(problems) or right)


def _seals(case: _Case) -> Finding:
    broken = record.broken_seals(case.order.record_path)
    problems = [
        f"{name} does not fit what it stands for: the record was changed after it was written" for name in broken
    ]
    return _held("record.digest", case.order.record_path.name, problems, "is as it was written")


def _zip(case: _Case) -> Finding:
    subject = case.made.subject
    if case.zip_path is None:
        return _finding("record.zip", Severity.INFO, subject.zip_name, "was not compared: its files are there unpacked")
    problems = []
    size_bytes, sha256 = case.zip_path.stat().st_size, fs.sha256_file(case.zip_path)
    if size_bytes != subject.zip_size_bytes:
        problems.append(f"zip_size_bytes is {subject.zip_size_bytes}, the zip has {size_bytes}")
    if sha256 != subject.zip_sha256:
        problems.append(f"zip_sha256 is {_short(subject.zip_sha256)}, the zip's is {_short(sha256)}")
    if not problems and case.zip_path.name != subject.zip_name:
        said = f"is the zip that the record is about, under another name than {subject.zip_name}"
        return _finding("record.zip", Severity.INFO, case.zip_path.name, said)
    return _held("record.zip", case.zip_path.name, problems, "is the zip that the record is about")


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


def _packing(case: _Case) -> Finding | None:
    """Pack the files again, and return whether the same bytes come out; None where that cannot be told here."""
    subject = case.made.subject
    if case.zip_path is None or subject.deflate != zips.deflate_flavour():
        return None
    members = [
        zips.ZipMember(name=name, source=path, mode=path.stat().st_mode & 0o777)
        for name, path in _named_files(case.product_dir)
    ]
    with tempfile.TemporaryDirectory(prefix="snapstitch-packed-") as directory:
        again = Path(directory) / "again.zip"
        zips.write_zip(again, members, epoch_s=subject.source_date_epoch_s)
        same = fs.sha256_file(again) == fs.sha256_file(case.zip_path)
    problem = (
        f"packed again with source_date_epoch_s {subject.source_date_epoch_s} and {subject.deflate} it is another zip"
    )
    return _held("record.packing", case.zip_path.name, [] if same else [problem], "comes out again, byte for byte")


def _compared(case: _Case) -> Iterator[Finding]:
    """Yield what comparing with things that were given comes to, and which values nothing at hand confirms."""
    checks = {
        "generator_sha256": _generators(case),
        "lock_sha256": _lock(case),
        "toolchain, toolchain_digest": _toolchain(case),
        "executor": _executor(case),
        "deflate, source_date_epoch_s": _packing(case),
        "components_sha256": _components(case),
    }
    yield from (finding for finding in checks.values() if finding)
    claims = (*(name for name, finding in checks.items() if finding is None), *_NEVER_CONFIRMED)
    message = f"nothing at hand confirms {', '.join(claims)}; the record's own digest covers them"
    yield _finding("record.claims", Severity.INFO, case.order.record_path.name, message)


def _components(case: _Case) -> Finding | None:
    name = case.order.record_path.name.removesuffix(RECORD_SUFFIX) + COMPONENTS_SUFFIX
    path = case.order.record_path.with_name(name)
    recorded = case.made.subject.components_sha256
    if recorded is None or not path.is_file():
        return None
    present = fs.sha256_file(path)
    problems = [] if present == recorded else [f"components_sha256 is {_short(recorded)}, its digest {_short(present)}"]
    return _held("record.components", name, problems, "is the list of components that the record is bound to")


def _lock(case: _Case) -> Finding | None:
    if case.order.lock is None:
        return None
    recorded, present = case.made.subject.lock_sha256, fs.sha256_file(case.order.lock)
    problems = [] if present == recorded else [f"lock_sha256 is {_short(recorded)}, its digest is {_short(present)}"]
    return _held("record.lock", str(case.order.lock), problems, "is the lock that the build used")


def _toolchain(case: _Case) -> Finding | None:
    """Return whether the toolbox is the one of this machine: another one is no mistake, so that nothing fails."""
    if case.order.toolchain is None:
        return None
    recorded, present = case.made.subject.toolchain_digest, case.order.toolchain.digest
    same = recorded == present and case.made.subject.toolchain == case.order.toolchain.tools
    return _finding(
        "record.toolchain",
        Severity.OK if same else Severity.INFO,
        f"toolbox {_short(recorded)}",
        "is the one that this machine builds with"
        if same
        else f"is not the one that this machine builds with, {_short(present)}: distributions renew packages",
    )


def _executor(case: _Case) -> Finding | None:
    """Return whether the emulator is the one of this machine's toolbox; as with the toolbox, nothing fails."""
    executor = case.made.executor
    if case.order.toolchain is None or executor is None or executor.name != "qemu":
        return None
    here = (case.order.toolchain.qemu_version, case.order.toolchain.target.qemu_cpu)
    same = (executor.version, executor.cpu_model) == here
    return _finding(
        "record.executor",
        Severity.OK if same else Severity.INFO,
        f"{executor.name} {executor.version}, {executor.cpu_model}",
        "is what this machine would run generators with" if same else f"is not this machine's, {here[0]}, {here[1]}",
    )


def _generators(case: _Case) -> Finding | None:
    if not case.order.generators:
        return None
    present = {fs.sha256_file(path): path.name for path in case.order.generators}
    problems = [
        f"generator_sha256 of {item.package} is {_short(item.generator_sha256)}, the digest of none of them"
        for item in case.made.subject.snapshots
        if item.generator_sha256 not in present
    ]
    return _held("record.generator", ", ".join(present.values()), problems, "made the snapshots")


def _short(digest: str) -> str:
    return f"{digest[:16]}…"
