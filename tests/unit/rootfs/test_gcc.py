"""Directories that a cross compiler has built in, and those of the root's own compiler in their place."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pipeline.errors import RootError
from pipeline.rootfs.gcc import CrossGcc, set_directories

GCC = CrossGcc(triple="aarch64-linux-gnu", major=12, prefix=PurePosixPath("/.native"))
OWN = "/usr/lib/gcc-cross/aarch64-linux-gnu/12"


@pytest.mark.parametrize(
    ("cross", "own"),
    [
        ("/usr/lib/gcc-cross/", "/usr/lib/gcc/"),
        (f"{OWN}/include", "/usr/lib/gcc/aarch64-linux-gnu/12/include"),
        (f"{OWN}/include-fixed", "/usr/lib/gcc/aarch64-linux-gnu/12/include-fixed"),
        (f"{OWN}/../../../../aarch64-linux-gnu/include", "/usr/local/include"),
        (f"{OWN}/../../../../aarch64-linux-gnu/include/c++/12", "/usr/include/c++/12"),
        (f"{OWN}/../../../../aarch64-linux-gnu/include/c++/12/backward", "/usr/include/c++/12/backward"),
        (
            f"{OWN}/../../../../aarch64-linux-gnu/include/c++/12/aarch64-linux-gnu",
            "/usr/include/aarch64-linux-gnu/c++/12",
        ),
    ],
)
def test_directories(cross: str, own: str) -> None:
    assert GCC.own_directory(cross.encode()) == own.encode()
    assert len(own) <= len(cross)


def test_files_keep_their_size_and_everything_else(tmp_path: Path) -> None:
    before = b"code\0" + f"{OWN}/include".encode() + b"\0x /usr/lib/gcc-cross/ inside of a text\0"
    for name in GCC.rewritten():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(before)
    set_directories(tmp_path, GCC)
    after = (tmp_path / GCC.programs_dir / "cc1").read_bytes()
    assert after == b"code\0/usr/lib/gcc/aarch64-linux-gnu/12/include" + bytes(7) + before[before.index(b"x /usr") :]
    assert len(after) == len(before)


def test_an_unknown_compiler(tmp_path: Path) -> None:
    for name in GCC.rewritten():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0/usr/lib/other\0")
    with pytest.raises(RootError) as raised:
        set_directories(tmp_path, GCC)
    assert str(raised.value) == (
        "error: aarch64-linux-gnu-gcc-12 of the cross compiler does not look for anything in /usr/lib/gcc-cross\n"
        "  usual cause: this version of the compiler is configured in another way than those that were tried\n"
        "  what to do:  give --no-native: the root's own compiler is emulated then; and report the package's version"
    )
