"""A small product with its record, as a build leaves them: real ELF files and V8 snapshots, made up."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import fs, record
from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity
from pipeline.model.record import BuildRecord, ExecutorRecord, SnapshotRecord, StepRecord, Subject, VmRecord
from pipeline.model.target import find_target
from pipeline.model.toolchain import Tool
from pipeline.packing import zips
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.v8.blobs import BlobSpec, blob, noise

ARM64 = find_target("arm64")
V8 = "10.2.154.26-node.37"
READ_ONLY = noise(1, 30_000)
OWN = blob(BlobSpec(contexts=1, read_only=READ_ONLY))
MADE = blob(BlobSpec(contexts=2, read_only=READ_ONLY, context_0=noise(8, 5000))) + b"sidecar"
OTHER_GENERATION = blob(BlobSpec(contexts=2, read_only=READ_ONLY, context_0=noise(9, 5000))) + b"sidecar"
EPOCH_S = 1_700_000_000


@dataclasses.dataclass(frozen=True)
class Product:
    """A zip with its record, and the same unpacked."""

    root: Path
    product_dir: Path
    zip_path: Path
    record_path: Path
    lock: Path
    generator: Path

    @property
    def made(self) -> BuildRecord:
        """Return the record as it lies there."""
        return record.read_unsealed(self.record_path)

    def tamper(self, change: Callable[[Any], object], *, seal: bool = True) -> None:
        """Change the record's values; with *seal* its digests are made to fit."""
        document = self.made.model_dump(mode="json")
        change(document)
        made = BuildRecord.model_validate(document, strict=False)
        fs.write_text(self.record_path, (record.sealed(made) if seal else made).to_json())


def make_product(root: Path, *, extra: dict[str, bytes] | None = None, made: bytes = MADE) -> Product:
    """Return a product below *root* whose program holds a snapshot, and whose library V8's own."""
    files = {
        "app": elf_file(ElfSpec(target=ARM64, payload=made)),
        "lib/libengine.so.1": elf_file(ElfSpec(target=ARM64, payload=OWN)),
    } | (extra or {})
    product_dir = root / "product"
    for name, content in files.items():
        path = product_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name == "app" else 0o644)
    zip_path = root / "app-1.0.0-linux-arm64.zip"
    members = [
        zips.ZipMember(name=name, source=product_dir / name, mode=0o755 if name == "app" else 0o644) for name in files
    ]
    zips.write_zip(zip_path, members, epoch_s=EPOCH_S)
    out_dir = root / "out"
    out_dir.mkdir()
    (out_dir / "snapshot.bin").write_bytes(made)
    (out_dir / "ops.rs").write_text("fn ops() {}\n")
    (root / "app-1.0.0-linux-arm64.components.json").write_text("{}\n")
    (root / "Cargo.lock").write_text("version = 4\n")
    (root / "generator").write_text("generator\n")
    product = Product(
        root=root, product_dir=product_dir, zip_path=zip_path, lock=root / "Cargo.lock", generator=root / "generator",
        record_path=root / "app-1.0.0-linux-arm64.build-info.json",
    )  # fmt: skip
    record.write(product.record_path, _record(product, tuple(files)))
    return product


def _record(product: Product, names: tuple[str, ...]) -> BuildRecord:
    subject = Subject(
        name="app", version="1.0.0", target="arm64", rust_triple=ARM64.rust_triple,
        zip_name=product.zip_path.name, zip_size_bytes=product.zip_path.stat().st_size,
        zip_sha256=fs.sha256_file(product.zip_path), deflate=zips.deflate_flavour(),
        source_date_epoch_s=EPOCH_S, files=record.file_records(product.product_dir, names),
        snapshots=(
            SnapshotRecord(
                package="snap", version="1.0.0", generator_sha256=fs.sha256_file(product.generator),
                files=tuple(record.snapshot_file(product.root / "out", name) for name in ("ops.rs", "snapshot.bin")),
            ),
        ),
        vm=VmRecord(crate="v8", crate_version="137.3.0", v8_version=V8),
        lock_sha256=fs.sha256_file(product.lock), features=("net",), default_features=True, profile="release",
        glibc_floor="2.34", generation_sha256=hashlib.sha256(b"generation").hexdigest(),
        components_sha256=hashlib.sha256(b"{}\n").hexdigest(),
        toolchain=(Tool(name="rustc", version="1.85.0", origin="private"),),
        toolchain_digest=hashlib.sha256(b"toolbox").hexdigest(),
    )  # fmt: skip
    return BuildRecord(
        subject=subject, subject_sha256=record.UNSEALED, record_sha256=record.UNSEALED, pipeline_version="0.1",
        built_at="2026-01-01T00:00:00Z",
        executor=ExecutorRecord(name="qemu", version="7.2", cpu_model="cortex-a72", emulated=True), emulated_cpu_s=0.5,
        steps=(
            StepRecord(title="toolbox", where=Where.NETWORK, duration_s=16.0, detail="104 packages"),
            StepRecord(title="compile product", where=Where.NATIVE, duration_s=40.0, cpu_s=70.0, detail="60 units"),
            StepRecord(title="snapshot of snap", where=Where.EMULATED, duration_s=0.6, cpu_s=0.5, detail="1 file"),
        ),
        findings=(Finding(id="elf.machine", severity=Severity.OK, subject="app", message="is for arm64"),),
        verdict=Severity.OK,
    )  # fmt: skip
