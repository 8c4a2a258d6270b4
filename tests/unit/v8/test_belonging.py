"""Whether snapshots belong to the program that carries them, by its machine code and by V8's own snapshot."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import find_target
from pipeline.v8.product import check_blobs, scan_product
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.v8.blobs import BlobSpec, blob, code_objects, code_table, noise

SIZES = tuple(random.Random(1).choices(range(4, 30_000, 4), k=400))
OTHER = tuple(random.Random(2).choices(range(4, 30_000, 4), k=400))


def snapshot(sizes: tuple[int, ...], *, contexts: int, version: str = "14.5.201.2-rusty") -> bytes:
    startup = code_objects(sizes) + noise(contexts, 900)
    return blob(BlobSpec(layout="new", version=version, contexts=contexts, startup=startup))


def judged(place: Path, **files: bytes) -> list[Finding]:
    paths = []
    for name, content in files.items():
        path = place / name
        payload = b"\x0014.5.201.2-rusty\0" + content
        path.write_bytes(elf_file(ElfSpec(target=find_target("arm64"), payload=payload)))
        paths.append((name, path))
    return [
        finding for finding in check_blobs(scan_product(paths, ())) if finding.id not in {"v8.snapshot", "v8.version"}
    ]


def short(findings: list[Finding]) -> list[tuple[str, Severity, Agreement | None]]:
    return [(finding.id, finding.severity, finding.agreement) for finding in findings]


OK_CODE = ("v8.code", Severity.OK, Agreement.MATCH)
WRONG_CODE = ("v8.code", Severity.FAIL, Agreement.MISMATCH)
OK_PAIR = ("v8.consistency", Severity.OK, Agreement.MATCH)
WRONG_PAIR = ("v8.consistency", Severity.FAIL, Agreement.MISMATCH)


def test_a_right_program(tmp_path: Path) -> None:
    content = code_table(SIZES) + snapshot(SIZES, contexts=1) + snapshot(SIZES, contexts=3)
    assert short(judged(tmp_path, app=content)) == [OK_CODE, OK_CODE, OK_PAIR]


def test_the_embedders_snapshot_is_another_architectures(tmp_path: Path) -> None:
    content = code_table(SIZES) + snapshot(SIZES, contexts=1) + snapshot(OTHER, contexts=3)
    findings = judged(tmp_path, app=content)
    assert short(findings) == [OK_CODE, WRONG_CODE, WRONG_PAIR]
    assert findings[1].message == (
        "lists 400 builtins of other sizes than the program's machine code has: "
        "it was made for another architecture, or by another build of V8"
    )
    assert (
        findings[1].hint
        == "make the snapshot with a generator that was compiled for this target and linked with this V8"
    )


def test_both_snapshots_are_another_architectures(tmp_path: Path) -> None:
    """They agree with each other: only the machine code tells."""
    content = code_table(SIZES) + snapshot(OTHER, contexts=1) + snapshot(OTHER, contexts=3)
    assert short(judged(tmp_path, app=content)) == [WRONG_CODE, WRONG_CODE, OK_PAIR]


def test_a_program_without_v8s_own_snapshot(tmp_path: Path) -> None:
    findings = judged(tmp_path, app=code_table(SIZES) + snapshot(SIZES, contexts=3))
    assert short(findings) == [OK_CODE, OK_PAIR]
    assert findings[-1].message == "was made for the architecture of the program's machine code, by its V8"


def test_a_program_without_a_table_that_is_known(tmp_path: Path) -> None:
    content = snapshot(SIZES, contexts=1) + snapshot(SIZES, contexts=3)
    assert short(judged(tmp_path, app=content)) == [("v8.code", Severity.UNKNOWN, Agreement.UNKNOWN), OK_PAIR]
    # The engine may be another file: nothing is missing beside an embedder's.
    assert short(judged(tmp_path, app=snapshot(SIZES, contexts=3))) == [
        ("v8.consistency", Severity.UNKNOWN, Agreement.UNKNOWN)
    ]


def test_the_snapshot_of_the_same_file_counts(tmp_path: Path) -> None:
    """Another program of the product, for another machine, must not excuse a wrong snapshot."""
    ours, theirs = (code_table(sizes) + snapshot(sizes, contexts=1) for sizes in (SIZES, OTHER))
    findings = judged(tmp_path, ours=ours + snapshot(OTHER, contexts=2), theirs=theirs + snapshot(OTHER, contexts=2))
    assert [(f.subject, f.severity) for f in findings if f.id == "v8.consistency"] == [
        ("ours", Severity.FAIL),
        ("theirs", Severity.OK),
    ]


@pytest.mark.parametrize("at", [10, 60, 3000])
def test_a_snapshot_alone_in_a_file_of_data(tmp_path: Path, at: int) -> None:
    path = tmp_path / "snapshot.bin"
    path.write_bytes(noise(9, at) + snapshot(SIZES, contexts=3))
    (finding,) = (f for f in check_blobs(scan_product([("snapshot.bin", path)], ())) if f.id != "v8.snapshot")
    assert (finding.severity, finding.message) == (
        Severity.UNKNOWN,
        "the product holds no snapshot of V8's own to compare with",
    )


def test_a_program_must_name_the_version_of_its_snapshots(tmp_path: Path) -> None:
    """Both snapshots were replaced, by those of a version whose machine code has the same sizes."""
    content = b"\x0014.5.201.1-rusty\0" + code_table(SIZES) + snapshot(SIZES, contexts=1) + snapshot(SIZES, contexts=3)
    path = tmp_path / "app"
    path.write_bytes(elf_file(ElfSpec(target=find_target("arm64"), payload=content)))
    findings = [f for f in check_blobs(scan_product([("app", path)], ())) if f.id == "v8.version"]
    words = "was made by V8 14.5.201.2-rusty, the product holds V8 of another version"
    assert [(f.severity, f.message) for f in findings] == [(Severity.FAIL, words)] * 2
