"""The build record: written and read, bound by its digest, compared with another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline import record
from pipeline.errors import ArchiveError
from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity
from pipeline.model.record import (
    BuildRecord,
    ExecutorRecord,
    SnapshotRecord,
    StepRecord,
    Subject,
    VmRecord,
    differences,
    json_schema,
)
from pipeline.model.toolchain import Tool
from tests.unit.v8.blobs import BlobSpec, blob

DIGEST = hashlib.sha256(b"x").hexdigest()


def subject(root: Path, lock_sha256: str = DIGEST) -> Subject:
    (root / "snapshot.bin").write_bytes(blob(BlobSpec()) + b"sidecar")
    (root / "ops.rs").write_text("fn ops() {}\n")
    return Subject(
        name="app", version="1.0.0", target="arm64", rust_triple="aarch64-unknown-linux-gnu",
        zip_name="app-1.0.0-linux-arm64.zip", zip_size_bytes=10, zip_sha256=DIGEST, deflate="zlib 1.2.13, level 6",
        source_date_epoch_s=315532800, files=record.file_records(root, ["snapshot.bin", "ops.rs"]),
        snapshots=(
            SnapshotRecord(
                package="snap", version="1.0.0", generator_sha256=DIGEST,
                files=tuple(record.snapshot_file(root, name) for name in ("ops.rs", "snapshot.bin")),
            ),
        ),
        vm=VmRecord(crate="v8", crate_version="137.3.0", v8_version="13.7.152.14-rusty"),
        lock_sha256=lock_sha256, features=("net",), default_features=True, profile="release", glibc_floor="2.34",
        toolchain=(Tool(name="rustc", version="1.85.0", origin="private"),), toolchain_digest=DIGEST,
    )  # fmt: skip


def build_record(root: Path) -> BuildRecord:
    made = subject(root)
    finding = Finding(
        id="elf.machine", severity=Severity.OK, subject="app", message="is arm64", evidence={"class": 64, "none": None}
    )
    made_record = BuildRecord(
        subject=made, subject_sha256=record.UNSEALED, record_sha256=record.UNSEALED, pipeline_version="0.1",
        built_at=record.now(),
        executor=ExecutorRecord(name="qemu", version="7.2", cpu_model="cortex-a72", emulated=True), emulated_cpu_s=0.5,
        steps=(StepRecord(title="snapshot", where=Where.EMULATED, duration_s=0.6, cpu_s=0.5, detail="1 file"),),
        findings=(finding,), verdict=Severity.OK,
    )  # fmt: skip
    return record.sealed(made_record)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = build_record(tmp_path)
    record.write(tmp_path / "build-info.json", made)
    assert record.read(tmp_path / "build-info.json") == made
    raw = json.loads((tmp_path / "build-info.json").read_text())
    facts = raw["subject"]["snapshots"][0]["files"][1]["v8"]
    assert (facts["version"], facts["contexts"], facts["checksum_kind"]) == ("10.2.154.26-node.37", 2, "adler32")
    assert [item["path"] for item in raw["subject"]["files"]] == ["ops.rs", "snapshot.bin"]
    assert "v8" not in raw["subject"]["snapshots"][0]["files"][0]


def test_times_are_not_part_of_the_digest(tmp_path: Path) -> None:
    made = build_record(tmp_path)
    later = made.model_copy(update={"built_at": "2030-01-01T00:00:00Z", "steps": ()})
    assert record.subject_digest(later.subject) == made.subject_sha256
    assert record.subject_digest(subject(tmp_path, "0" * 64)) != made.subject_sha256


def test_a_changed_subject_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "build-info.json"
    record.write(path, build_record(tmp_path))
    path.write_text(path.read_text().replace('"profile": "release"', '"profile": "debug"'))
    with pytest.raises(ArchiveError) as caught:
        record.read(path)
    assert str(caught.value) == (
        f"error: {path} is not a valid build record: its subject was changed after it was written\n"
        "  usual cause: it was edited or cut, or another version of this program wrote it\n"
        "  what to do:  build again, or use the version that wrote it"
    )


def test_a_change_beside_the_subject_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "build-info.json"
    record.write(path, build_record(tmp_path))
    path.write_text(path.read_text().replace('"cortex-a72"', '"max"'))
    assert record.broken_seals(path) == ("record_sha256",)
    with pytest.raises(ArchiveError, match=r"not a valid build record: it was changed after it was written\n"):
        record.read(path)


def test_digests_are_of_the_text(tmp_path: Path) -> None:
    """Anybody can compute them with any JSON library, and another version of this program with other defaults."""
    path = tmp_path / "build-info.json"
    record.write(path, build_record(tmp_path))
    raw = json.loads(path.read_text())
    digests = raw["subject_sha256"], raw.pop("record_sha256")
    assert digests == tuple(
        hashlib.sha256(json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        for part in (raw["subject"], raw)
    )
    del raw["subject"]["patches"]
    path.write_text(json.dumps(raw | {"record_sha256": digests[1]}))
    assert record.broken_seals(path) == ("subject_sha256", "record_sha256")


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000])
def test_seals_of_what_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ArchiveError, match="is not a valid build record: it is no JSON"):
        record.broken_seals(tmp_path / "x.json")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "build-info.json"
    with path.open("wb") as stream:
        stream.truncate(record.MAX_RECORD_BYTES + 1)
    with pytest.raises(ArchiveError, match="it is larger than 16,777,216 bytes"):
        record.read_unsealed(path)


def test_values_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "build-info.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(ArchiveError, match="of its values do not fit the schema"):
        record.read(path)


def test_parts_that_differ_are_named_with_the_reason(tmp_path: Path) -> None:
    this = subject(tmp_path)
    assert differences(this, this) == ()
    other = this.model_copy(update={"lock_sha256": "0" * 64, "zip_sha256": "1" * 64})
    found = [(item.part, item.this, item.reason) for item in differences(this, other)]
    assert found == [
        ("lock_sha256", DIGEST, "another Cargo.lock"),
        ("zip_sha256", DIGEST, "follows from the parts above"),
    ]


def test_every_part_of_the_subject_has_a_place_in_the_schema() -> None:
    schema = json_schema()
    described = schema["$defs"]["Subject"]["properties"]
    assert set(described) == set(Subject.model_fields)
    assert described["glibc_floor"]["description"] == "Newest glibc that any file of the product needs."
    assert schema["additionalProperties"] is False


def test_now_is_in_utc() -> None:
    assert len(record.now()) == 20
    assert record.now().endswith("Z")
