"""Finished builds of small products, real in every byte, for tests."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import fs, record
from pipeline.model.findings import Severity
from pipeline.model.record import BuildRecord, SnapshotFile, SnapshotRecord, Subject, VmRecord
from pipeline.model.target import find_target
from pipeline.packing.zips import EARLIEST_ZIP_TIME_S, ZipMember, deflate_flavour, write_zip
from pipeline.sbom.listing import component_list
from tests.unit.sbom.parts import parts


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sketch:
    """What a build is to look like."""

    name: str = "app"
    version: str = "1.0.0"
    target: str = "arm64"
    files: tuple[str, ...] = ("app", "lib/libz.so.1")
    contents: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    """Of files; the others are made up."""
    seed: int = 1
    snapshot: str = "a" * 64
    changed: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Other values of the record's subject."""
    zip_name: str | None = None
    verdict: Severity = Severity.OK

    @property
    def stem(self) -> str:
        return (self.zip_name or f"{self.name}-{self.version}-linux-{self.target}.zip").removesuffix(".zip")


def content(sketch: Sketch, name: str) -> bytes:
    """Bytes that stay almost the same from one version to the next."""
    if name in sketch.contents:
        return sketch.contents[name]
    noise = random.Random(name).randbytes(60_000)
    return noise[:20_000] + f"{sketch.version} {sketch.target} {sketch.seed}".encode() + noise[20_000:]


def write_build(dist: Path, sketch: Sketch | None = None) -> Path:
    """Write zip, list of components and record into *dist*, and return the record's path."""
    sketch = sketch or Sketch()
    dist.mkdir(exist_ok=True, parents=True)
    product = dist.parent / f"product of {dist.name} {sketch.stem}"
    for name in sketch.files:
        (product / name).parent.mkdir(parents=True, exist_ok=True)
        (product / name).write_bytes(content(sketch, name))
    zip_path = dist / f"{sketch.stem}.zip"
    members = [ZipMember(name=name, source=product / name, mode=0o755) for name in sketch.files]
    write_zip(zip_path, members, epoch_s=EARLIEST_ZIP_TIME_S)
    triple = find_target(sketch.target).rust_triple
    components = component_list(parts(), name=sketch.name, target=sketch.target, rust_triple=triple)
    fs.write_text(dist / f"{sketch.stem}.components.json", components.to_json())
    path = dist / f"{sketch.stem}.build-info.json"
    record.write(path, _record(sketch, zip_path, product))
    return path


def _record(sketch: Sketch, zip_path: Path, product: Path) -> BuildRecord:
    subject = Subject(
        name=sketch.name,
        version=sketch.version,
        target=sketch.target,
        rust_triple=find_target(sketch.target).rust_triple,
        zip_name=zip_path.name,
        zip_size_bytes=zip_path.stat().st_size,
        zip_sha256=fs.sha256_file(zip_path),
        deflate=deflate_flavour(),
        source_date_epoch_s=EARLIEST_ZIP_TIME_S,
        files=record.file_records(product, sketch.files),
        snapshots=(
            SnapshotRecord(
                package="snap",
                version="1.0.0",
                generator_sha256="0" * 64,
                files=(SnapshotFile(path="snap.bin", size_bytes=1, sha256=sketch.snapshot),),
            ),
        ),
        vm=VmRecord(crate="v8", crate_version="137.2.1", v8_version="13.7.152.14"),
        lock_sha256="1" * 64,
        features=(),
        default_features=True,
        profile="release",
        glibc_floor="2.31",
        toolchain=(),
        toolchain_digest="",
        components_sha256=fs.sha256_file(zip_path.with_name(f"{sketch.stem}.components.json")),
    ).model_copy(update=sketch.changed)
    return BuildRecord(
        subject=subject,
        subject_sha256=record.UNSEALED,
        record_sha256=record.UNSEALED,
        pipeline_version="1",
        built_at="2026-01-01T00:00:00Z",
        steps=(),
        findings=(),
        verdict=sketch.verdict,
    )
