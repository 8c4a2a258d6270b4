"""What is read from ELF files: hand-made ones of every target, damaged ones, hostile ones."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.elf.facts import ElfFacts, VersionNeed
from pipeline.elf.reader import is_elf, read_elf, read_elf_stream
from pipeline.errors import ArchiveError
from pipeline.model.target import TARGETS, Target, find_target
from tests.unit.elf.files import ElfSpec, elf_file

ARM64 = find_target("arm64")


def read(content: bytes) -> ElfFacts:
    return read_elf_stream(io.BytesIO(content), name="file")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_everything_is_read_for_every_target(target: Target) -> None:
    spec = ElfSpec(
        target=target,
        needed=("libz.so.1", "libc.so.6"),
        soname="libx.so.2",
        runpath="$ORIGIN/lib:/opt",
        rpath="/old",
        versions=(("libz.so.1", ("ZLIB_1.2.9",)), ("libc.so.6", ("GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE"))),
        interpreter=target.interpreter,
    )
    facts = read(elf_file(spec))
    assert facts == ElfFacts(
        elf_class=target.elf_class,
        endianness=target.endianness,
        machine=target.elf_machine,
        elf_type="shared",
        flags={"armhf": 0x05000400, "ppc64el": 2}.get(target.name, 0),
        interpreter=target.interpreter,
        dynamic=True,
        needed=("libz.so.1", "libc.so.6"),
        soname="libx.so.2",
        rpath=("/old",),
        runpath=("$ORIGIN/lib", "/opt"),
        version_needs=(
            VersionNeed(library="libz.so.1", versions=("ZLIB_1.2.9",)),
            VersionNeed(library="libc.so.6", versions=("GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE")),
        ),
        load_alignments_bytes=(0x10000,),
        executable_stack=False,
        relro="full",
        build_id=bytes(range(20)).hex(),
    )
    assert facts.target() == target


def test_newest_version_compares_numbers_not_text() -> None:
    needs = (("libc.so.6", ("GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE")), ("libstdc++.so.6", ("GLIBCXX_3.4.30",)))
    facts = read(elf_file(ElfSpec(target=ARM64, versions=needs)))
    assert facts.newest_version("GLIBC") == (2, 34)
    assert facts.newest_version("GLIBCXX") == (3, 4, 30)
    assert facts.newest_version("CXXABI") is None


@pytest.mark.parametrize(("flags", "executable"), [(7, True), (6, False), (None, True)])
def test_executable_stack(flags: int | None, *, executable: bool) -> None:
    facts = read(elf_file(ElfSpec(target=ARM64, stack_flags=flags)))
    assert facts.executable_stack is executable


@pytest.mark.parametrize(
    ("relro", "bind_now", "expected"), [(True, True, "full"), (True, False, "partial"), (False, True, "none")]
)
def test_relro(*, relro: bool, bind_now: bool, expected: str) -> None:
    assert read(elf_file(ElfSpec(target=ARM64, relro=relro, bind_now=bind_now))).relro == expected


def test_the_interpreter_of_this_python_is_read() -> None:
    path = Path(sys.executable).resolve()
    facts = read_elf(path)
    assert is_elf(path)
    assert facts.elf_type in {"executable", "shared"}
    assert facts.newest_version("GLIBC") is not None
    assert facts.target() is not None


def test_is_elf_looks_at_the_content(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "empty").touch()
    assert [is_elf(tmp_path / name) for name in ("script", "empty", "missing", ".")] == [False] * 4


def test_message_of_a_file_that_is_not_elf(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(ArchiveError) as caught:
        read_elf(path)
    assert str(caught.value) == (
        f"error: {path} is not a readable ELF file: it does not begin with the ELF magic\n"
        "  usual cause: the file is cut, damaged, or something else than a Linux program or library\n"
        "  what to do:  look what it is with `file`, and get or build it again"
    )


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_cut_is_an_error_or_a_shorter_truth(target: Target) -> None:
    whole = elf_file(ElfSpec(target=target, interpreter=target.interpreter))
    complete = read(whole)
    for size in range(0, len(whole) - 1, 7):
        try:
            assert read(whole[:size]) == complete
        except ArchiveError:
            continue


def patched(offset: int, layout: str, *values: int) -> bytes:
    content = bytearray(elf_file(ElfSpec(target=ARM64, interpreter=ARM64.interpreter)))
    struct.pack_into(layout, content, offset, *values)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (patched(4, "B", 7), "class 7 and data encoding 1 are not both 1 or 2"),
        (patched(56, "<H", 5000), "5000 segments are more than 1024"),
        (patched(54, "<H", 8), "segment headers of 8 bytes"),
        (patched(32, "<Q", 2**63), "56 bytes at offset 9223372036854775808 lie outside the file's"),
        (patched(64 + 56 + 32, "<Q", 2**40), "the interpreter's name is longer than a path may be"),
        (patched(64 + 2 * 56 + 32, "<Q", 2**40), "a dynamic section of 1099511627776 bytes"),
    ],
)
def test_hostile_headers_are_named(content: bytes, reason: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        read(content)
    assert reason in caught.value.what


def test_endless_version_records_end() -> None:
    # Each record says that there are 65,535 names and that the next record is the record itself.
    spec = ElfSpec(target=ARM64, versions=(("libc.so.6", ("GLIBC_2.17",)),))
    content = bytearray(elf_file(spec))
    record = content.index(struct.pack("<HHI", 1, 1, 1 + len("libc.so.6") + 1))
    struct.pack_into("<H", content, record + 2, 4000)
    struct.pack_into("<I", content, record + 16 + 12, 0)
    struct.pack_into("<I", content, record + 12, 0)
    assert read(bytes(content)).version_needs[0].versions == ("GLIBC_2.17",)
    struct.pack_into("<H", content, record + 2, 65535)
    with pytest.raises(ArchiveError, match="65535 versions of one library"):
        read(bytes(content))


def test_more_strings_than_any_real_file_has() -> None:
    spec = ElfSpec(target=ARM64, needed=("x",) * 20_000, versions=())
    with pytest.raises(ArchiveError, match="more than 16384 strings"):
        read(elf_file(spec))


def facts_or_complaint(content: bytes) -> ElfFacts | str:
    try:
        return read(content)
    except ArchiveError as error:
        return error.what


SAMPLES = [elf_file(ElfSpec(target=target, interpreter=target.interpreter)) for target in TARGETS]


@settings(max_examples=400, deadline=2000)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 1200), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
)
def test_damage_anywhere_gives_facts_or_one_named_error(sample: bytes, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(sample)
    for place, value in changes:
        start = place % len(content)
        content[start : start + len(value)] = value[: len(content) - start]
    outcome = facts_or_complaint(bytes(content))
    assert isinstance(outcome, ElfFacts) or outcome.startswith("file is not a readable ELF file: ")


@settings(max_examples=200)
@given(tail=st.binary(max_size=400), ident=st.sampled_from([b"\x01\x01", b"\x01\x02", b"\x02\x01", b"\x02\x02"]))
def test_noise_behind_the_magic(tail: bytes, ident: bytes) -> None:
    outcome = facts_or_complaint(b"\x7fELF" + ident + tail)
    assert isinstance(outcome, ElfFacts) or outcome.startswith("file is not a readable ELF file: ")
