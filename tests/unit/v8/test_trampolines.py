"""Telling the architecture of a snapshot of V8 10 by the machine code in it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.model.findings import Agreement, Finding, Severity
from pipeline.model.target import TARGETS, find_target
from pipeline.v8.product import Surroundings, check_blobs, scan_product
from pipeline.v8.trampolines import MIN_TRAMPOLINES, trampolines
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.v8.blobs import BlobSpec, blob, noise

# As they stand in the start-up section of V8 10.2, taken from snapshots of Debian 12.
CODE = {
    "amd64": "49ba000000000000000041ffe2cccccc",
    "arm64": "9000005800021fd67f000058e0033fd6",
    "armhf": "04c09fe51cff2fe1f100f0e700000000",
    "s390x": "c0c800000000c0c90000000007fccccc",
    "ppc64el": "0000803d00008c61c6078c7900008c6500008c61a603897d2004804e",
}


def startup(name: str, count: int = 400) -> bytes:
    code = bytes.fromhex(CODE[name])
    return b"".join(struct.pack("<I", number) + bytes(24) + code + bytes(8) for number in range(count))


def snapshot(name: str, contexts: int) -> bytes:
    return blob(BlobSpec(contexts=contexts, startup=startup(name) + noise(contexts, 500)))


def judged(place: Path, made_for: str, target: str | None) -> list[Finding]:
    path = place / "app"
    content = noise(1, 99) + snapshot(made_for, 1) + snapshot(made_for, 2)
    path.write_bytes(elf_file(ElfSpec(target=find_target("arm64"), payload=content)))
    around = Surroundings(target=find_target(target) if target else None)
    return [finding for finding in check_blobs(scan_product([("app", path)], ()), around) if finding.id == "v8.code"]


@pytest.mark.parametrize("name", [target.name for target in TARGETS])
def test_each_target_has_its_own(name: str) -> None:
    found = trampolines(startup(name))
    assert found is not None
    assert (found.target, found.count) == (name, 400)


def test_too_few_or_those_of_two_say_nothing() -> None:
    assert trampolines(startup("arm64", MIN_TRAMPOLINES - 1)) is None
    assert trampolines(startup("arm64") + startup("amd64")) is None
    assert trampolines(b"") is None


def test_a_pair_of_the_right_architecture(tmp_path: Path) -> None:
    findings = judged(tmp_path, "arm64", "arm64")
    assert [(f.severity, f.agreement) for f in findings] == [(Severity.OK, Agreement.MATCH)] * 2
    words = "holds the machine code of 400 jumps to builtins; it is for arm64, as its program is"
    assert findings[0].message == words
    assert findings[0].evidence == {"jumps": 400, "instructions": "ldr x16, address; br x16", "target": "arm64"}


def test_a_pair_that_agrees_but_is_another_architectures(tmp_path: Path) -> None:
    findings = judged(tmp_path, "amd64", "arm64")
    assert [(f.severity, f.agreement) for f in findings] == [(Severity.FAIL, Agreement.MISMATCH)] * 2
    words = "holds the machine code of 400 jumps to builtins; it is for amd64, but its program is for arm64"
    assert findings[0].message == words
    assert findings[0].hint.startswith("make the snapshot with a generator that was compiled for this target")


def test_a_snapshot_alone_is_a_fact(tmp_path: Path) -> None:
    findings = judged(tmp_path, "s390x", None)
    assert [(f.severity, f.agreement) for f in findings] == [(Severity.INFO, Agreement.UNKNOWN)] * 2
    assert findings[0].message == "holds the machine code of 400 jumps to builtins; it is for s390x"
