"""The reader of ar archives, on archives made here by the format's own rules."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.elf.ar import MAGIC, THIN_MAGIC, ArReader, Symbol
from pipeline.errors import ArchiveError


def header(name: bytes, size_bytes: int) -> bytes:
    return (
        name.ljust(16)
        + b"0".ljust(12)
        + b"0".ljust(6) * 2
        + b"644".ljust(8)
        + str(size_bytes).encode().ljust(10)
        + b"`\n"
    )


def member(name: bytes, content: bytes) -> bytes:
    return header(name, len(content)) + content + b"\n" * (len(content) % 2)


def symbol_table(symbols: list[tuple[bytes, int]], *, code: str = "I") -> bytes:
    offsets = struct.pack(f">{1 + len(symbols)}{code}", len(symbols), *(offset for _name, offset in symbols))
    return offsets + b"".join(name + b"\0" for name, _offset in symbols)


def contents(archive: bytes) -> list[tuple[str, bytes]]:
    return [(m.info.name, m.read(1 << 20)) for m in ArReader(io.BytesIO(archive), label="x.a").members()]


def test_members_with_short_long_and_bsd_names() -> None:
    long_name = b"a-name-of-more-than-fifteen-characters.o"
    archive = (
        MAGIC
        + member(b"//", long_name + b"/\n" + b"dir/second.o/\n")
        + member(b"/0", b"one")
        + member(b"/" + str(len(long_name) + 2).encode(), b"two!")
        + member(b"short.o/", b"")
        + member(b"#1/8", b"bsd.o\0\0\0" + b"five")
    )
    assert contents(archive) == [
        (long_name.decode(), b"one"),
        ("dir/second.o", b"two!"),
        ("short.o", b""),
        ("bsd.o", b"five"),
    ]


@pytest.mark.parametrize(("name", "code"), [(b"/", "I"), (b"/SYM64/", "Q")])
def test_the_symbol_table_says_which_member_defines_what(name: bytes, code: str) -> None:
    table = symbol_table([(b"main", 0), (b"helper", 0)], code=code)
    offset = len(MAGIC + member(name, table))
    archive = (
        MAGIC + member(name, symbol_table([(b"main", offset), (b"helper", offset)], code=code)) + member(b"m.o/", b"x")
    )
    reader = ArReader(io.BytesIO(archive), label="x.a")
    offsets = [m.info.header_offset for m in reader.members()]
    assert offsets == [offset]
    assert reader.symbols == (Symbol(name="main", member_offset=offset), Symbol(name="helper", member_offset=offset))


def test_a_thin_archive_names_files_that_it_does_not_hold() -> None:
    archive = THIN_MAGIC + member(b"//", b"obj/a.o/\nobj/b.o/\n") + header(b"/0", 12345) + header(b"/9", 99)
    reader = ArReader(io.BytesIO(archive), label="x.a")
    found = [(m.info.name, m.info.size_bytes, m.info.is_external, m.read(10)) for m in reader.members()]
    assert reader.is_thin
    assert found == [("obj/a.o", 12345, True, b""), ("obj/b.o", 99, True, b"")]


def test_windows_are_bounded_and_what_is_not_read_is_skipped() -> None:
    archive = MAGIC + member(b"a/", b"x" * 1000) + member(b"b/", b"y")
    sizes, names = [], []
    for found in ArReader(io.BytesIO(archive), label="x.a").members():
        names.append(found.info.name)
        if found.info.name == "a":
            assert found.read(10) == b"x" * 10
            sizes += [len(window) for window in found.windows(400)]
    assert names == ["a", "b"]
    assert sizes == [400, 400, 190]


GOOD = MAGIC + member(b"/", symbol_table([(b"s", 80)])) + member(b"a.o/", b"12345678")


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"", "it ends inside the signature (at offset 0, 8 bytes are missing)"),
        (b"\x7fELF\x02\x01\x01\x00", "it starts with b'\\x7fELF\\x02\\x01\\x01\\x00' instead of b'!<arch>\\n'"),
        (MAGIC + b"short", "it ends inside the member header at offset 8"),
        (GOOD[:-3], "it ends inside a.o (at offset {end}, 3 bytes are missing)"),
        (MAGIC + header(b"a/", 1)[:-2] + b"??x", "the member header at offset 8 does not end with its mark"),
        (MAGIC + header(b"a/", -1), "the member header at offset 8 has the size b'-1        '"),
        (MAGIC + member(b"/7", b"x"), "the member at offset 8 has the name b'/7', outside the name table"),
        (MAGIC + member(b"#1/9", b"x"), "the member header at offset 8 has the name length b'#1/9'"),
        (MAGIC + header(b"/", 999999999), "its table '/' has 999999999 bytes"),
        (MAGIC + member(b"/", b"\xff\xff\xff\xff"), "its symbol table states 4294967295 entries in 4 bytes"),
        (MAGIC + member(b"/", b"\0\0\0\1\0\0\0\0"), "its symbol table states 1 entries and names 0"),
    ],
)
def test_damage_is_named(archive: bytes, why: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        contents(archive)
    assert str(caught.value) == (
        f"error: x.a is not a sound ar archive: {why.format(end=len(GOOD) - 3)}\n"
        "  usual cause: the file was cut off or altered on its way, or is something else\n"
        "  what to do:  fetch or build it again; `ar t FILE` shows whether it can be read"
    )


@given(st.binary(max_size=400), st.integers(0, len(GOOD)))
def test_no_input_ends_in_anything_but_a_named_error(noise: bytes, cut: int) -> None:
    for archive in (MAGIC + noise, GOOD[:cut] + noise, THIN_MAGIC + noise):
        try:
            contents(archive)
        except ArchiveError as error:
            assert error.what.startswith("x.a is not a sound ar archive: ")  # noqa: PT017 - most inputs are sound
