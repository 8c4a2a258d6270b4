"""What a compiled file needs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PrebuildError
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target
from pipeline.prebuilding.checking import Need, Promise, check_file, musl_versions
from tests.unit.elf.files import ElfSpec, elf_file

ARM64, ARMHF = find_target("arm64"), find_target("armhf")


def check(tmp_path: Path, spec: ElfSpec, libc: Libc, *, glibc: str | None = None, assumed: str = "") -> Need:
    path = tmp_path / "x.node"
    path.write_bytes(elf_file(spec))
    return check_file(
        path,
        Promise(
            target=ARM64, libc=libc, glibc_floor=glibc, assumed_libraries=frozenset({assumed} if assumed else set())
        ),
    )


def glibc_file(*versions: str, needed: tuple[str, ...] = ("libc.so.6", "ld-linux-aarch64.so.1")) -> ElfSpec:
    return ElfSpec(target=ARM64, needed=needed, versions=(("libc.so.6", versions),))


def musl_file(*symbols: str, needed: tuple[str, ...] = ("libc.so",)) -> ElfSpec:
    return ElfSpec(target=ARM64, needed=needed, versions=(), symbols=tuple((name, None) for name in symbols))


def test_the_floor_of_glibc_is_measured(tmp_path: Path) -> None:
    need = check(tmp_path, glibc_file("GLIBC_2.17", "GLIBC_2.27"), Libc.GLIBC, glibc="2.28")
    assert (need.libc_floor, need.libraries) == ("2.27", ())


def test_a_newer_glibc_than_promised(tmp_path: Path) -> None:
    with pytest.raises(PrebuildError) as caught:
        check(tmp_path, glibc_file("GLIBC_2.38"), Libc.GLIBC, glibc="2.28")
    assert str(caught.value) == (
        "error: x.node is not what arm64 systems with glibc take: it needs glibc 2.38, newer than the 2.28 that the "
        "target declares\n"
        "  usual cause: a library of the sysroot that was linked, or a function that is newer than the promised C "
        "library\n"
        '  what to do:  choose `compiler = "zig"` or another `glibc`, or name the library in `assumed-libraries`'
    )


def test_a_library_that_systems_need_not_have(tmp_path: Path) -> None:
    spec = glibc_file("GLIBC_2.17", needed=("libstdc++.so.6", "libc.so.6"))
    with pytest.raises(PrebuildError, match=r"needs libstdc\+\+\.so\.6, which neither"):
        check(tmp_path, spec, Libc.GLIBC)
    assert check(tmp_path, spec, Libc.GLIBC, assumed="libstdc++.so.6").libraries == ("libstdc++.so.6",)


@pytest.mark.parametrize("library", ["libc.so", "libc.musl-aarch64.so.1", "ld-musl-aarch64.so.1"])
def test_the_names_of_musl(tmp_path: Path, library: str) -> None:
    assert check(tmp_path, musl_file("memcpy", needed=(library,)), Libc.MUSL) == Need(
        libc_floor=None, libraries=(), findings=check(tmp_path, musl_file(needed=(library,)), Libc.MUSL).findings
    )


def test_files_of_the_other_c_library(tmp_path: Path) -> None:
    with pytest.raises(
        PrebuildError, match=r"needs libc\.so\.6, which neither .*, and it needs glibc 2\.17, and it is "
    ):
        check(tmp_path, glibc_file("GLIBC_2.17", needed=("libc.so.6",)), Libc.MUSL)
    with pytest.raises(PrebuildError, match=r"needs libc\.so, which neither"):
        check(tmp_path, musl_file(), Libc.GLIBC)


def test_another_cpu(tmp_path: Path) -> None:
    with pytest.raises(PrebuildError, match="it is 32-bit little-endian armhf, not 64-bit little-endian arm64"):
        check(tmp_path, ElfSpec(target=ARMHF), Libc.GLIBC)


def test_musl_has_no_versions_but_functions_that_came_later(tmp_path: Path) -> None:
    need = check(tmp_path, musl_file("memcpy", "reallocarray", "qsort_r"), Libc.MUSL)
    assert need.libc_floor == "1.2.3"


def test_the_table_of_musl() -> None:
    table = musl_versions()
    assert table["statx"] == "1.2.5"
    assert table["__clock_gettime64"] == "1.2.0"
    assert "memcpy" not in table
