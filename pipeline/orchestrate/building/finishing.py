"""From compiled programs to what lies in the output directory: bundle, pack, verify, and only then put it there."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Sequence
from pathlib import Path

import pydantic

import pipeline
from pipeline import fs
from pipeline.canaries.ladder import files_digest
from pipeline.errors import StitchError
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildOutcome, ProducedFile, StepTiming
from pipeline.model.events import Where
from pipeline.model.execution import Executor
from pipeline.model.findings import Finding, Severity, failed
from pipeline.model.record import BuildRecord, SnapshotRecord
from pipeline.model.target import target_of_machine
from pipeline.orchestrate.building.bare import bare_executor
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.building.components import Made, components_path, write_components
from pipeline.orchestrate.building.delivery import compared, deliver
from pipeline.orchestrate.building.parts import Part, parts_of
from pipeline.orchestrate.building.recording import Recorded, make_record
from pipeline.orchestrate.job import Job
from pipeline.sbom.listing import BundledFile
from pipeline.stages.building import bundle, package, verify


class Finished(pydantic.BaseModel):
    """What bundling, packing and checking came to, kept so that an equal build need not do it again."""

    model_config = pydantic.ConfigDict(frozen=True)

    key: str
    zip_sha256: str
    deflate: str
    findings: tuple[Finding, ...]
    bundled: tuple[BundledFile, ...]


def finish(job: Job, analysis: Analysis, compiled: Compiled) -> tuple[BuildOutcome, ...]:
    """Make each zip and its record; they reach the output directory only when no check failed.

    A product that failed its checks stays in the work directory, and the outcome's paths lead there.
    Raises PackageError, ProcessFailedError, NotWritableError, DiskFullError, StitchError when zips that hold the
    snapshot of one package do not hold the same.
    """
    shared = job.ledger.timings
    generation = fs.sha256_json([item.model_dump(mode="json") for made in compiled.snapshots for item in made.outputs])
    finished = []
    for part in parts_of(job, analysis):
        done = len(job.ledger.timings)
        places = _places(job, part)
        results = _finished(job, part.of(compiled), places)
        components = write_components(
            job,
            analysis,
            Made(part=part, bundled=results.bundled, path=components_path(places.zip_path)),
            part.of(compiled),
        )
        own = job.ledger.timings[done:]
        made = make_record(
            job,
            analysis,
            Recorded(
                compiled=part.of(compiled),
                part=part,
                generation_sha256=generation,
                steps=(*shared, *own),
                zip_path=places.zip_path,
                zip_sha256=results.zip_sha256,
                deflate=results.deflate,
                product_dir=places.product_dir,
                findings=results.findings,
                components_sha256=components,
            ),
        )
        finished.append(_Made(part=part, places=places, record=made, steps=(*shared, *own) if part.is_main else own))
    _require_one_generation([item.record for item in finished])
    return tuple(_hand_over(job, item) for item in finished)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Places:
    part: Part
    product_dir: Path
    zip_path: Path
    state_path: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Made:
    part: Part
    places: _Places
    record: BuildRecord
    steps: tuple[StepTiming, ...]


def _places(job: Job, part: Part) -> _Places:
    label = job.label if part.is_main else f"{job.label}.{part.name}"
    packed_dir = job.work_dir / "packed"
    return _Places(
        part=part,
        product_dir=job.work_dir / "product" / label,
        zip_path=packed_dir / label / part.zip_name,
        state_path=packed_dir / f"{label}.json",
    )


def _finished(job: Job, compiled: Compiled, places: _Places) -> Finished:
    """Bundle, pack and check, or return what an equal build came to."""
    key = _key(job, compiled, places.part)
    finished = _read(places.state_path, key, places.zip_path)
    if finished is None:
        finished = _make(job, compiled, places, key)
        fs.write_text(places.state_path, finished.model_dump_json())
    return finished


def _require_one_generation(records: Sequence[BuildRecord]) -> None:
    """Make sure that zips which hold the snapshot of one package hold the same."""
    first: dict[tuple[str, str], SnapshotRecord] = {}
    for made in records:
        for snapshot in made.subject.snapshots:
            known = first.setdefault((snapshot.package, snapshot.version), snapshot)
            if known != snapshot:
                raise StitchError(
                    f"{made.subject.zip_name} holds another snapshot of {snapshot.package} than"
                    f" {records[0].subject.zip_name}",
                    cause="two builds used the same work directory, or files in it were changed by hand",
                    action="run the same command again",
                )


def _hand_over(job: Job, item: _Made) -> BuildOutcome:
    good = item.record.verdict is not Severity.FAIL
    out_dir = job.request.out_dir if good else item.places.zip_path.parent
    made = compared(item.record, out_dir)
    return _outcome(job, item, made, deliver(item.places.zip_path, made, out_dir))


def _make(job: Job, compiled: Compiled, places: _Places, key: str) -> Finished:
    runtime = job.request.runtime
    suffix = "" if places.part.is_main else f" {places.part.name}"
    with job.ledger.step(f"bundle{suffix}") as step:
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
    with job.ledger.step(f"package{suffix}") as step:
        packed = package.run(
            package.PackageInputs(
                product_dir=places.product_dir,
                zip_path=places.zip_path,
                source_date_epoch_s=_epoch_s(job),
            ),
            job.context,
        )
        step.detail(f"{packed.size_bytes:,} bytes")
    findings = _verify(job, compiled, places)
    return Finished(
        key=key,
        zip_sha256=packed.sha256,
        deflate=packed.deflate,
        findings=findings,
        bundled=tuple(
            BundledFile(path=f"{bundle.LIBRARY_DIR}/{library.name}", package=library.package)
            for library in tree.libraries
        ),
    )


def _verify(job: Job, compiled: Compiled, places: _Places) -> tuple[Finding, ...]:
    runtime, part = job.request.runtime, places.part
    executor = _bare_executor(job) if part.canaries else None
    emulated = executor is not None and _is_emulated(job)
    title = "verify" if part.is_main else f"verify {part.name}"
    with job.ledger.step(title, where=Where.EMULATED if emulated else Where.NATIVE) as step:
        findings = verify.run(
            verify.VerifyInputs(
                product=places.zip_path,
                target=job.target,
                program=compiled.binaries[0][0],
                glibc_floor=job.wanted.glibc,
                assumed_libraries=frozenset(runtime.assumed_libraries),
                snapshots=_snapshot_files(compiled),
                executor=executor,
                canaries=part.canaries,
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


def _key(job: Job, compiled: Compiled, part: Part) -> str:
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
            "runtime": runtime.model_dump(mode="json", include={"strip", "bundle", "assumed_libraries"}),
            "canaries": [canary.model_dump(mode="json") for canary in part.canaries],
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


def _outcome(job: Job, item: _Made, made: BuildRecord, delivered: tuple[Path, ...]) -> BuildOutcome:
    return BuildOutcome(
        runtime=job.request.name or item.part.name,
        name=item.part.name,
        version=item.part.version,
        target=job.target,
        zip_path=delivered[0],
        record_path=delivered[-1],
        steps=item.steps,
        files=tuple(
            ProducedFile(path=path, size_bytes=path.stat().st_size, sha256=fs.sha256_file(path)) for path in delivered
        ),
        findings=made.findings,
        emulated_cpu_s=made.emulated_cpu_s if item.part.is_main else 0.0,
    )
