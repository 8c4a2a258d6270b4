"""What is said of V8 archives: right ones, foreign objects, foreign builtins, damage."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.errors import ArchiveError
from pipeline.model.target import TARGETS, Target, find_target
from pipeline.v8.archive_check import ArchiveReport, Verdict, check_archive
from tests.unit.v8.objects import archive, elf_object

SAMPLES = Path(__file__).parents[2] / "data" / "builtins"
ARM64 = find_target("arm64")
AMD64 = find_target("amd64")


def code(name: str) -> bytes:
    return (SAMPLES / f"{name}.bin").read_bytes()


def checked(tmp_path: Path, content: bytes, target: Target = ARM64) -> ArchiveReport:
    path = tmp_path / "librusty_v8.a"
    path.write_bytes(content)
    return check_archive(path, target)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: str(t.name))
@pytest.mark.parametrize("packed", [False, True])
def test_a_right_archive_matches(tmp_path: Path, target: Target, packed: bool) -> None:
    version = elf_object(target, b"\0 1.2.3.4 \0" + b"13.7.152.14-rusty\0", symbol="version")
    content = archive(("api.o", elf_object(target, b"x", symbol="api")), ("version.o", version),
                      ("embedded.o", elf_object(target, code(target.name))))  # fmt: skip
    report = checked(tmp_path, gzip.compress(content) if packed else content, target)
    assert (report.verdict, report.object_count, report.builtins_target, report.v8_version) == (
        Verdict.MATCH,
        3,
        target.name,
        "13.7.152.14-rusty",
    )


@pytest.mark.parametrize("symbols", [True, False])
@pytest.mark.parametrize("section", [".text", ".rodata"])
def test_clean_objects_with_builtins_of_another_architecture(tmp_path: Path, symbols: bool, section: str) -> None:
    hybrid = elf_object(ARM64, code("amd64"), section=section)
    members = (("api.o", elf_object(ARM64, b"x", symbol="api")), ("embedded.o", hybrid))
    report = checked(tmp_path, archive(*members, symbols=symbols))
    assert report.verdict is Verdict.MISMATCH
    assert report.evidence == (
        "2 of 2 object files are ELF64 little-endian machine 183 (arm64)",
        f"the builtins in embedded.o, section {section} are code of amd64: 1044 x (mov with REX.W) in 16 KiB",
    )


def test_one_foreign_object_is_named(tmp_path: Path) -> None:
    members = (("api.o", elf_object(AMD64, b"x", symbol="api")), ("embedded.o", elf_object(ARM64, code("arm64"))))
    report = checked(tmp_path, archive(*members))
    assert report.verdict is Verdict.MISMATCH
    assert report.evidence[:2] == (
        "1 of 2 object files are ELF64 little-endian machine 183 (arm64)",
        "api.o is ELF64 little-endian machine 62 (amd64)",
    )


def test_many_foreign_objects_are_summed_up(tmp_path: Path) -> None:
    members = tuple((f"{n}.o", elf_object(AMD64, b"x", symbol="f")) for n in range(25))
    report = checked(tmp_path, archive(*members))
    assert report.evidence[0] == "0 of 25 object files are ELF64 little-endian machine 183 (arm64)"
    assert report.evidence[11] == "and 15 more"
    assert len(report.evidence) == 13


def test_without_builtins_nothing_is_certain(tmp_path: Path) -> None:
    report = checked(tmp_path, archive(("api.o", elf_object(ARM64, b"x", symbol="api"))))
    assert report.verdict is Verdict.UNKNOWN
    assert report.evidence[-1] == "no member holds V8's embedded builtins"


def test_bitcode_makes_an_archive_unknown(tmp_path: Path) -> None:
    members = (("lto.o", b"BC\xc0\xde" + bytes(40)), ("embedded.o", elf_object(ARM64, code("arm64"))))
    report = checked(tmp_path, archive(*members))
    assert report.verdict is Verdict.UNKNOWN
    assert "1 members are no ELF objects: lto.o" in report.evidence


def test_builtins_in_a_damaged_object_are_unknown(tmp_path: Path) -> None:
    broken = bytearray(elf_object(ARM64, code("arm64")))
    broken[40:48] = (1 << 62).to_bytes(8, "little")  # where the section table lies
    report = checked(tmp_path, archive(("embedded.o", bytes(broken))))
    assert report.verdict is Verdict.UNKNOWN
    assert report.builtins_target is None


@pytest.mark.parametrize("packed", [True, False])
def test_a_truncated_archive_is_an_error(tmp_path: Path, packed: bool) -> None:
    whole = archive(("embedded.o", elf_object(ARM64, code("arm64"))))
    whole = gzip.compress(whole) if packed else whole
    with pytest.raises(ArchiveError) as caught:
        checked(tmp_path, whole[:-20])
    if packed:
        assert str(caught.value) == (
            "error: librusty_v8.a cannot be unpacked: "
            "Compressed file ended before the end-of-stream marker was reached\n"
            "  usual cause: the download was cut off, or the file was altered\n"
            f"  what to do:  delete {tmp_path}/librusty_v8.a and fetch it again"
        )
    else:
        assert "it ends inside embedded.o" in caught.value.what


def test_a_flipped_byte_in_a_packed_archive_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(archive(("embedded.o", elf_object(ARM64, code("arm64"))))))
    packed[-6] ^= 1
    with pytest.raises(ArchiveError, match="CRC check failed"):
        checked(tmp_path, bytes(packed))


def test_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="it starts with b'<!DOCTYP'"):
        checked(tmp_path, b"<!DOCTYPE html><title>Not found</title>")
