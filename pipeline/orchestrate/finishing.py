"""From compiled programs to what lies in the output directory: bundle, pack, verify, and only then put it there."""

from __future__ import annotations

import dataclasses
import platform
import shutil
from pathlib import Path

import pydantic

import pipeline
from pipeline import fs, record
from pipeline.canaries.ladder import files_digest
from pipeline.errors import ArchiveError
from pipeline.model.asset import ZIP_SUFFIX, asset_name
from pipeline.model.build import BuildOutcome, ProducedFile
from pipeline.model.events import Where
from pipeline.model.execution import Executor
from pipeline.model.findings import Finding, Severity, failed, verdict
from pipeline.model.record import RECORD_SUFFIX, BuildRecord, differences
from pipeline.model.target import target_of_machine
from pipeline.orchestrate.bare import bare_executor
from pipeline.orchestrate.compiling import Compiled
from pipeline.orchestrate.components import Made, components_path, write_components
from pipeline.orchestrate.job import Job
from pipeline.orchestrate.recording import Recorded, make_record
from pipeline.sbom.listing import BundledFile
from pipeline.stages import bundle, package, verify
from pipeline.stages.lift import Lift


class Finished(pydantic.BaseModel):
    """What bundling, packing and checking came to, kept so that an equal build need not do it again."""

    model_config = pydantic.ConfigDict(frozen=True)

    key: str
    zip_sha256: str
    deflate: str
    findings: tuple[Finding, ...]
    bundled: tuple[BundledFile, ...]


def finish(job: Job, lift: Lift, compiled: Compiled) -> BuildOutcome:
    """Make the zip and its record; they reach the output directory only when no check failed.

    A product that failed its checks stays in the work directory, and the outcome's paths lead there.
    Raises PackageError, ProcessFailedError, NotWritableError, DiskFullError.
    """
    key = _key(job, compiled)
    packed_dir = job.work_dir / "packed" / job.label
    name = job.request.name or lift.analysis.product.key.name
    version = lift.analysis.product.key.version
    zip_path = packed_dir / _zip_name(job, name, version)
    product_dir = job.work_dir / "product" / job.label
    state_path = job.work_dir / "packed" / f"{job.label}.json"
    finished = _read(state_path, key, zip_path)
    if finished is None:
        places = _Places(key=key, product_dir=product_dir, zip_path=zip_path)
        finished = _make(job, compiled, places)
        fs.write_text(state_path, finished.model_dump_json())
    components = write_components(
        job, lift, Made(name=name, compiled=compiled, bundled=finished.bundled, path=components_path(zip_path))
    )
    made = make_record(
        job,
        lift,
        Recorded(
            compiled=compiled,
            name=name,
            zip_path=zip_path,
            zip_sha256=finished.zip_sha256,
            deflate=finished.deflate,
            product_dir=product_dir,
            findings=finished.findings,
            components_sha256=components,
        ),
    )
    out_dir = job.request.out_dir if verdict(finished.findings) is not Severity.FAIL else packed_dir
    made = _compared(made, out_dir)
    return _outcome(job, compiled, made, _deliver(zip_path, made, out_dir), name)


def _zip_name(job: Job, name: str, version: str) -> str:
    return asset_name(job.request.runtime.asset_name, runtime=name, version=version, target=job.target)


def _compared(made: BuildRecord, out_dir: Path) -> BuildRecord:
    """Return the record with what is not equal to the build whose record lies in *out_dir*, if there is one."""
    try:
        earlier = record.read(record_path(out_dir, made))
    except (OSError, ArchiveError):
        return made
    return made.model_copy(update={"differences": differences(made.subject, earlier.subject)})


def record_path(out_dir: Path, made: BuildRecord) -> Path:
    """Return where a record lies: beside its zip, and named like it."""
    return out_dir / f"{made.subject.zip_name.removesuffix(ZIP_SUFFIX)}{RECORD_SUFFIX}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Places:
    key: str
    product_dir: Path
    zip_path: Path


def _make(job: Job, compiled: Compiled, places: _Places) -> Finished:
    runtime = job.request.runtime
    with job.ledger.step("bundle") as step:
        tree = bundle.run(
            bundle.BundleInputs(
                files=tuple(bundle.ProductFile(source=path, name=name) for name, path in compiled.binaries),
                toolchain=job.toolchain,
                product_dir=places.product_dir,
                strip=runtime.strip,
                bundle=runtime.bundle,
                assumed_libraries=frozenset(runtime.assumed_libraries),
            ),
            job.context,
        )
        step.detail(f"{len(tree.files)} files, {len(tree.libraries)} of them libraries")
    with job.ledger.step("package") as step:
        packed = package.run(
            package.PackageInputs(
                product_dir=places.product_dir,
                zip_path=places.zip_path,
                source_date_epoch_s=_epoch_s(job),
            ),
            job.context,
        )
        step.detail(f"{packed.size_bytes:,} bytes")
    findings = _verify(job, compiled, packed.path)
    return Finished(
        key=places.key,
        zip_sha256=packed.sha256,
        deflate=packed.deflate,
        findings=findings,
        bundled=tuple(
            BundledFile(path=f"{bundle.LIBRARY_DIR}/{library.name}", package=library.package)
            for library in tree.libraries
        ),
    )


def _verify(job: Job, compiled: Compiled, zip_path: Path) -> tuple[Finding, ...]:
    runtime = job.request.runtime
    executor = _bare_executor(job) if runtime.canaries else None
    emulated = executor is not None and _is_emulated(job)
    with job.ledger.step("verify", where=Where.EMULATED if emulated else Where.NATIVE) as step:
        findings = verify.run(
            verify.VerifyInputs(
                product=zip_path,
                target=job.target,
                program=compiled.binaries[0][0],
                glibc_floor=job.wanted.glibc,
                assumed_libraries=frozenset(runtime.assumed_libraries),
                snapshots=_snapshot_files(compiled),
                executor=executor,
                canaries=runtime.canaries,
                canary_dir=runtime.canary_dir,
            ),
            job.context,
        )
        wrong = len(failed(findings))
        step.detail(f"{len(findings)} findings, {wrong} of them wrong" if wrong else f"{len(findings)} findings")
    return findings


def _snapshot_files(compiled: Compiled) -> tuple[tuple[str, Path], ...]:
    return tuple(
        (f"{result.package}/{output.path}", result.out_dir / output.path)
        for result in compiled.snapshots
        for output in result.outputs
    )


def _bare_executor(job: Job) -> Executor:
    """Return the executor with a root that holds what users have: the C library, and what is assumed beside it."""
    return bare_executor(job.request.runtime, job.toolchain, job.means, job.work_dir / "bare", job.executor_name)


def _is_emulated(job: Job) -> bool:
    """Tell whether canaries run emulated: a container does so where the machine is not the target."""
    host = job.request.host
    if job.executor_name == "ssh" and host is not None:
        return bool(host.emulator)
    return job.executor_name == "qemu" or target_of_machine(platform.machine()) != job.target


def _epoch_s(job: Job) -> int:
    return package.source_date_epoch_s(job.context.environ.get("SOURCE_DATE_EPOCH"))


def _key(job: Job, compiled: Compiled) -> str:
    """Return the digest of all that decides what is packed and what the checks say."""
    runtime = job.request.runtime
    return fs.sha256_json(
        {
            "pipeline": pipeline.__version__,
            "binaries": [(name, fs.sha256_file(path)) for name, path in compiled.binaries],
            "snapshots": [output.model_dump() for result in compiled.snapshots for output in result.outputs],
            "toolchain": job.toolchain.digest,
            "executor": job.executor_name,
            "glibc": job.wanted.glibc,
            "runtime": runtime.model_dump(mode="json", include={"strip", "bundle", "canaries", "assumed_libraries"}),
            "canary_files": files_digest(runtime.canary_dir),
            "epoch": _epoch_s(job),
        }
    )


def _read(state_path: Path, key: str, zip_path: Path) -> Finished | None:
    """Return what an equal build came to, None when there was none or its files are gone."""
    try:
        finished = Finished.model_validate_json(state_path.read_bytes())
        intact = finished.key == key and fs.sha256_file(zip_path) == finished.zip_sha256
    except (OSError, ValueError):
        return None
    return finished if intact else None


def _deliver(zip_path: Path, made: BuildRecord, out_dir: Path) -> tuple[Path, ...]:
    """Put the zip, its digest, its components and its record into *out_dir*, each whole, the record last."""
    further = (zip_path.with_name(f"{zip_path.name}.sha256"), components_path(zip_path))
    delivered = []
    for source, sha256 in ((zip_path, made.subject.zip_sha256), *((path, fs.sha256_file(path)) for path in further)):
        final = out_dir / source.name
        if final != source and not _holds(final, sha256):
            with fs.atomic_path(final) as temporary:
                shutil.copyfile(source, temporary)
        delivered.append(final)
    record.write(record_path(out_dir, made), made)
    return (*delivered, record_path(out_dir, made))


def _holds(final: Path, sha256: str) -> bool:
    return final.is_file() and fs.sha256_file(final) == sha256


def _outcome(job: Job, compiled: Compiled, made: BuildRecord, delivered: tuple[Path, ...], name: str) -> BuildOutcome:
    return BuildOutcome(
        name=name,
        version=made.subject.version,
        target=job.target,
        zip_path=delivered[0],
        record_path=delivered[-1],
        steps=job.ledger.timings,
        files=tuple(
            ProducedFile(path=path, size_bytes=path.stat().st_size, sha256=fs.sha256_file(path)) for path in delivered
        ),
        findings=made.findings,
        emulated_cpu_s=compiled.emulated_cpu_s,
    )
