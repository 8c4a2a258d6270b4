"""The build record: everything that the parts of a build know about themselves, in one place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pipeline
from pipeline import record
from pipeline.elf.reader import is_elf, read_elf
from pipeline.model.analysis import Analysis
from pipeline.model.build import StepTiming
from pipeline.model.findings import Finding, verdict
from pipeline.model.record import (
    BuildRecord,
    ExecutorRecord,
    FileRecord,
    PatchRecord,
    SnapshotRecord,
    StepRecord,
    Subject,
    VmRecord,
)
from pipeline.model.snapshot import StepResult
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.building.parts import Part
from pipeline.orchestrate.job import Job
from pipeline.stages.building.bundle import tree_files
from pipeline.stages.building.package import source_date_epoch_s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the record is about, beside the job and the analysis."""

    compiled: Compiled
    part: Part
    generation_sha256: str
    """Over all snapshots of the build, in whichever zip they are."""
    steps: tuple[StepTiming, ...]
    zip_path: Path
    zip_sha256: str
    deflate: str
    product_dir: Path
    findings: tuple[Finding, ...]
    components_sha256: str


def make_record(job: Job, analysis: Analysis, recorded: Recorded) -> BuildRecord:
    """Return the record of a build that has come to its end."""
    subject = _subject(job, analysis, recorded)
    made = BuildRecord(
        subject=subject,
        subject_sha256=record.UNSEALED,
        record_sha256=record.UNSEALED,
        pipeline_version=pipeline.__version__,
        built_at=record.now(),
        executor=_executor(recorded.compiled.snapshots),
        emulated_cpu_s=round(recorded.compiled.emulated_cpu_s, 3),
        steps=tuple(
            StepRecord(
                title=step.title,
                where=step.where,
                duration_s=round(step.duration_s, 3),
                cpu_s=None if step.cpu_s is None else round(step.cpu_s, 3),
                peak_memory_bytes=step.peak_memory_bytes,
                detail=step.detail,
            )
            for step in recorded.steps
        ),
        findings=recorded.findings,
        verdict=verdict(recorded.findings),
    )
    return record.sealed(made)


def _subject(job: Job, analysis: Analysis, recorded: Recorded) -> Subject:
    runtime = job.request.runtime
    snapshots = snapshot_records(recorded.compiled)
    return Subject(
        name=recorded.part.name,
        version=recorded.part.version,
        target=job.target.name,
        rust_triple=job.target.rust_triple,
        zip_name=recorded.zip_path.name,
        zip_size_bytes=recorded.zip_path.stat().st_size,
        zip_sha256=recorded.zip_sha256,
        deflate=recorded.deflate,
        source_date_epoch_s=source_date_epoch_s(job.context.environ.get("SOURCE_DATE_EPOCH")),
        files=_files(recorded.product_dir),
        snapshots=snapshots,
        generation_sha256=recorded.generation_sha256,
        vm=VmRecord(
            crate=analysis.vm_crate,
            crate_version=", ".join(key.version for key in analysis.vm),
            v8_version=v8_version(snapshots),
        ),
        patches=tuple(PatchRecord(**dataclasses.asdict(patch)) for patch in job.patches),
        lock_sha256=analysis.lock_sha256,
        features=runtime.features,
        default_features=runtime.default_features,
        profile=runtime.profile,
        glibc_floor=_glibc_floor(recorded.product_dir),
        assumed_libraries=tuple(sorted(runtime.assumed_libraries)),
        toolchain=job.toolchain.tools,
        toolchain_digest=job.toolchain.digest,
        components_sha256=recorded.components_sha256,
    )


def _files(product_dir: Path) -> tuple[FileRecord, ...]:
    return record.file_records(
        product_dir, (path.relative_to(product_dir).as_posix() for path in tree_files(product_dir))
    )


def snapshot_records(compiled: Compiled) -> tuple[SnapshotRecord, ...]:
    """Return what the generators made."""
    return tuple(map(_snapshot, compiled.snapshots))


def _snapshot(result: StepResult) -> SnapshotRecord:
    return SnapshotRecord(
        package=result.package,
        version=result.version,
        generator_sha256=result.generator_sha256,
        files=tuple(record.snapshot_file(result.out_dir, output.path) for output in result.outputs),
    )


def v8_version(snapshots: tuple[SnapshotRecord, ...]) -> str | None:
    """Return V8's version as the snapshots have it, None when no snapshot is V8's."""
    versions = sorted({file.v8.version for snapshot in snapshots for file in snapshot.files if file.v8})
    return ", ".join(versions) or None


def _glibc_floor(product_dir: Path) -> str | None:
    needs = [read_elf(path).newest_version("GLIBC") for path in tree_files(product_dir) if is_elf(path)]
    newest = max((need for need in needs if need), default=None)
    return ".".join(map(str, newest)) if newest else None


def _executor(snapshots: tuple[StepResult, ...]) -> ExecutorRecord | None:
    if not snapshots:
        return None
    last = snapshots[-1]
    return ExecutorRecord(
        name=last.executor, version=last.executor_version, cpu_model=last.cpu_model, emulated=last.emulated
    )
