"""Reading the magic number of snapshots out of machine code."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from pipeline.model.findings import Finding, Severity
from pipeline.model.target import find_target
from pipeline.v8.magic import has_other_magic
from pipeline.v8.product import Surroundings, check_blobs, scan_product
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.v8.blobs import BlobSpec, blob, code_objects, code_table, noise

MAGIC, OLDER = 0xC0DE0580, 0xC0DE057F
SIZES = tuple(random.Random(1).choices(range(4, 30_000, 4), k=400))
VERSION = "14.0.365.10"


def code(target: str, magic: int = MAGIC, *, between: int = 1) -> bytes:
    """Instructions that compare with *magic*, behind others."""
    if target == "amd64":
        return bytes(64) + b"\x81\x38" + struct.pack("<I", magic) + bytes(64)
    nops = (0xD503201F,) * between
    words = (0x52800000 | (magic & 0xFFFF) << 5 | 9, *nops, 0x72B81BC0 | 9)
    return struct.pack("<I", 0xD503201F) * 40 + struct.pack(f"<{len(words)}I", *words) + bytes(64)


@pytest.mark.parametrize("target", ["amd64", "arm64"])
@pytest.mark.parametrize("between", [0, 5])
def test_the_number_in_the_code(target: str, between: int) -> None:
    program = noise(1, 1000) + code(target, between=between)
    assert not has_other_magic(program, target, MAGIC)
    assert has_other_magic(program, target, OLDER)


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert not has_other_magic(code("amd64"), "s390x", OLDER)
    assert not has_other_magic(noise(2, 5000), "arm64", OLDER), "no code with any such number"
    assert not has_other_magic(code("arm64", between=30), "arm64", OLDER), "too far apart"


def test_what_stands_in_the_snapshot_does_not_count() -> None:
    content = struct.pack("<I", OLDER) + bytes(60)
    assert not has_other_magic(content, "amd64", OLDER)
    assert has_other_magic(content, "amd64", OLDER, [(0, 64)])


def judged(place: Path, target: str, *, magic: int = MAGIC, contexts: int = 3, layout: str = "new") -> list[Finding]:
    engine = (
        (b"\0" + VERSION.encode()).ljust(16, b"\0") + code(target) + noise(3, 90) + code_table(SIZES) + noise(4, 90)
    )
    library = place / "lib.so"
    library.write_bytes(elf_file(ElfSpec(target=find_target(target), payload=engine)))
    made = BlobSpec(
        layout="read-only first" if layout == "read-only first" else "new", version=VERSION, contexts=contexts,
        magic=magic, startup=code_objects(SIZES) + noise(contexts, 900),
    )  # fmt: skip
    data = place / "context.bin"
    data.write_bytes(blob(made))
    around = Surroundings(programs=(("lib.so", library),), target=find_target(target))
    findings = check_blobs(scan_product([("lib.so", library), ("context.bin", data)], ()), around)
    return [finding for finding in findings if finding.severity not in {Severity.OK, Severity.INFO}]


@pytest.mark.parametrize("target", ["amd64", "arm64"])
@pytest.mark.parametrize("contexts", [1, 3])
def test_a_snapshot_without_v8s_own_beside_it(tmp_path: Path, target: str, contexts: int) -> None:
    assert judged(tmp_path, target, contexts=contexts) == []
    (finding,) = judged(tmp_path, target, contexts=contexts, magic=OLDER)
    assert (finding.id, finding.severity, finding.subject) == ("v8.build", Severity.FAIL, "context.bin")
    assert finding.message == (
        "was made by another build of V8 14.0.365.10: "
        "magic is 0xc0de057f, which the machine code of lib.so does not have"
    )


def test_sections_in_an_order_that_this_v8_does_not_have(tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, "arm64", layout="read-only first")
    assert finding.message == (
        "was made by another build of V8 14.0.365.10: "
        "order is read-only section first, that of V8 14 read-only section second"
    )
