"""The build record: everything that the parts of a build know about themselves, in one place."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.elf.reader import is_elf, read_elf
from pipeline.model.findings import Finding, verdict
from pipeline.model.record import (
    BuildRecord,
    ExecutorRecord,
    FileRecord,
    SnapshotFile,
    SnapshotRecord,
    StepRecord,
    Subject,
    V8Facts,
    VmRecord,
)
from pipeline.model.snapshot import StepResult
from pipeline.orchestrate.compiling import Compiled
from pipeline.orchestrate.job import Job
from pipeline.stages.bundle import tree_files
from pipeline.stages.lift import Lift
from pipeline.stages.package import source_date_epoch_s
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.product import expected_snapshots


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the record is about, beside the job and the lift."""

    compiled: Compiled
    name: str
    zip_path: Path
    zip_sha256: str
    deflate: str
    product_dir: Path
    findings: tuple[Finding, ...]


def make_record(job: Job, lift: Lift, recorded: Recorded) -> BuildRecord:
    """Return the record of a build that has come to its end."""
    subject = _subject(job, lift, recorded)
    return BuildRecord(
        subject=subject,
        subject_sha256=fs.sha256_json(subject.model_dump(mode="json")),
        pipeline_version=pipeline.__version__,
        built_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        executor=_executor(recorded.compiled.snapshots),
        emulated_cpu_s=round(recorded.compiled.emulated_cpu_s, 3),
        steps=tuple(
            StepRecord(
                title=step.title,
                where=step.where,
                duration_s=round(step.duration_s, 3),
                cpu_s=None if step.cpu_s is None else round(step.cpu_s, 3),
                detail=step.detail,
            )
            for step in job.ledger.timings
        ),
        findings=recorded.findings,
        verdict=verdict(recorded.findings),
    )


def _subject(job: Job, lift: Lift, recorded: Recorded) -> Subject:
    runtime, analysis = job.request.runtime, lift.analysis
    return Subject(
        name=recorded.name,
        version=analysis.product.key.version,
        target=job.target.name,
        rust_triple=job.target.rust_triple,
        zip_name=recorded.zip_path.name,
        zip_size_bytes=recorded.zip_path.stat().st_size,
        zip_sha256=recorded.zip_sha256,
        deflate=recorded.deflate,
        source_date_epoch_s=source_date_epoch_s(job.context.environ.get("SOURCE_DATE_EPOCH")),
        files=_files(recorded.product_dir),
        snapshots=tuple(map(_snapshot, recorded.compiled.snapshots)),
        vm=VmRecord(
            crate=analysis.vm_crate,
            crate_version=", ".join(key.version for key in analysis.vm),
            v8_version=_v8_version(recorded.compiled.snapshots),
        ),
        lock_sha256=analysis.lock_sha256,
        features=runtime.features,
        default_features=runtime.default_features,
        profile=runtime.profile,
        glibc_floor=_glibc_floor(recorded.product_dir),
        toolchain=job.toolchain.tools,
        toolchain_digest=job.toolchain.digest,
    )


def _files(product_dir: Path) -> tuple[FileRecord, ...]:
    described = (fs.describe_file(product_dir, path) for path in sorted(tree_files(product_dir)))
    return tuple(FileRecord(path=file.path, size_bytes=file.size_bytes, sha256=file.sha256) for file in described)


def _snapshot(result: StepResult) -> SnapshotRecord:
    blobs = _blobs(result)
    return SnapshotRecord(
        package=result.package,
        version=result.version,
        generator_sha256=result.generator_sha256,
        files=tuple(
            SnapshotFile(
                path=output.path,
                size_bytes=output.size_bytes,
                sha256=output.sha256,
                v8=_v8_facts(blobs.get(output.path)),
            )
            for output in result.outputs
        ),
    )


def _blobs(result: StepResult) -> dict[str, SnapshotBlob]:
    paths = ((output.path, result.out_dir / output.path) for output in result.outputs)
    return {item.name: item.blob for item in expected_snapshots(paths) if item.blob}


def _v8_facts(blob: SnapshotBlob | None) -> V8Facts | None:
    if blob is None:
        return None
    return V8Facts(
        version=blob.version,
        contexts=blob.contexts,
        rehashable=blob.rehashable,
        size_bytes=blob.size_bytes,
        checksum=f"{blob.checksum:#010x}",
        checksum_kind=blob.checksum_kind.value if blob.checksum_kind else None,
        magic=f"{blob.magic:#010x}",
    )


def _v8_version(snapshots: tuple[StepResult, ...]) -> str | None:
    versions = sorted({blob.version for result in snapshots for blob in _blobs(result).values()})
    return ", ".join(versions) or None


def _glibc_floor(product_dir: Path) -> str | None:
    needs = [read_elf(path).newest_version("GLIBC_") for path in tree_files(product_dir) if is_elf(path)]
    newest = max((need for need in needs if need), default=None)
    return ".".join(map(str, newest)) if newest else None


def _executor(snapshots: tuple[StepResult, ...]) -> ExecutorRecord | None:
    if not snapshots:
        return None
    last = snapshots[-1]
    return ExecutorRecord(
        name=last.executor, version=last.executor_version, cpu_model=last.cpu_model, emulated=last.emulated
    )
