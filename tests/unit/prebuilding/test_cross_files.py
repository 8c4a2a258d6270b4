"""Files for CMake and Meson."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target
from pipeline.prebuilding.cross_files import Compilers, cmake_file, meson_file, write_cross_files

VARIABLES = {"CC": "/o'pt/cc", "CXX": '/o"pt/c++', "AR": "/opt/ar", "RANLIB": "/opt/ranlib", "STRIP": "/opt/strip"}


def compilers(name: str = "arm64", **rest: object) -> Compilers:
    return Compilers(target=find_target(name), libc=Libc.MUSL, variables=VARIABLES, **rest)  # type: ignore[arg-type]


def test_cmake_finds_nothing_of_this_machine() -> None:
    lines = cmake_file(compilers(link_flags=("-static-libgcc",))).splitlines()
    assert 'set(CMAKE_SYSTEM_PROCESSOR "aarch64")' in lines
    assert 'set(CMAKE_CXX_COMPILER "/o\\"pt/c++")' in lines
    assert 'set(CMAKE_FIND_ROOT_PATH "/nothing-of-this-machine")' in lines
    assert 'set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY "ONLY")' in lines
    assert 'set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libgcc")' in lines


def test_cmake_finds_what_is_in_the_sysroot() -> None:
    assert 'set(CMAKE_FIND_ROOT_PATH "/sys root")' in cmake_file(compilers(sysroot=Path("/sys root"))).splitlines()


@pytest.mark.parametrize(
    ("name", "family", "cpu"),
    [("amd64", "x86_64", "x86_64"), ("arm64", "aarch64", "aarch64"), ("armhf", "arm", "armv7hl")],
)
def test_meson_knows_the_machine(name: str, family: str, cpu: str) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(meson_file(compilers(name, link_flags=("-s", "-x"))))
    host = {key: value.strip("'") for key, value in parser["host_machine"].items()}
    assert host == {"system": "linux", "cpu_family": family, "cpu": cpu, "endian": "little"}
    assert parser["binaries"]["c"] == r"'/o\'pt/cc'"
    assert parser["built-in options"]["c_link_args"] == "['-s', '-x']"


def test_both_are_written(tmp_path: Path) -> None:
    files = write_cross_files(compilers(), tmp_path)
    assert {name: path.name for name, path in files.items()} == {
        "cmake-toolchain": "target.cmake", "meson-cross": "target.meson",
    }  # fmt: skip
    assert all(path.is_file() for path in files.values())
