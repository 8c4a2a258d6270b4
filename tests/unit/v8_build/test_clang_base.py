"""The scripts in front of the compilers, run by a real shell: launchers in the place of V8's own programs."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import ToolboxError
from pipeline.v8.recipe import ARCHITECTURES, GENERATOR_PROGRAMS
from pipeline.v8_build.clang_base import ClangBase

from .fakes import GNU, script, toolchain

EMULATOR = '#!/bin/sh\necho "emulator $1 $2"\nshift 2\nexec "$@"\n'


@pytest.fixture
def base(tmp_path: Path) -> ClangBase:
    emulator = script(tmp_path / "an emulator", EMULATOR)
    made = ClangBase(
        toolchain=toolchain(tmp_path),
        llvm_major=19,
        architecture=ARCHITECTURES["arm64"],
        run_prefix=(str(emulator), "-L", "/the sysroot"),
    )
    made.write(tmp_path / "clang")
    (tmp_path / "out").mkdir()
    return made


def run(tmp_path: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=tmp_path / "out", capture_output=True, text=True, check=False)


def link(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(tmp_path, str(tmp_path / "clang/bin/clang++"), *arguments)


@pytest.mark.parametrize("name", GENERATOR_PROGRAMS)
@pytest.mark.usefixtures("base")
def test_a_program_that_the_build_runs_becomes_a_launcher(tmp_path: Path, name: str) -> None:
    assert link(tmp_path, "-pie", "-o", f"./{name}", "main.o").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [name, f"{name}.elf"]
    assert run(tmp_path, f"./{name}", "a b", "c").stdout == (
        f"emulator -L /the sysroot\nI am ./{name}.elf with a b c\n"
    )


@pytest.mark.parametrize("output", ["obj/torque/torque.o", "./libtorque.so", "torque-language-server"])
@pytest.mark.usefixtures("base")
def test_everything_else_is_the_compilers(tmp_path: Path, output: str) -> None:
    (tmp_path / "out/obj/torque").mkdir(parents=True)
    assert link(tmp_path, "-c", "main.cc", "-o", output).returncode == 0
    assert "I am" in (tmp_path / "out" / output).read_text()
    assert not (tmp_path / "out" / f"{output}.elf").exists()


@pytest.mark.usefixtures("base")
def test_arguments_reach_the_compiler_as_they_are(tmp_path: Path) -> None:
    link(tmp_path, '-DA="b c"', "-o", "torque", "x.o")
    (log,) = (tmp_path / "tools/bin").glob("*clang++.log")
    assert log.read_text() == 'compiler -DA="b c" -o torque x.o\n'


@pytest.mark.usefixtures("base")
def test_a_link_that_fails_leaves_the_last_launcher(tmp_path: Path) -> None:
    link(tmp_path, "-o", "./torque")
    before = (tmp_path / "out/torque").read_text()
    (tmp_path / f"tools/bin/{GNU}-clang++.broken").touch()
    failed = link(tmp_path, "-o", "./torque")
    assert (failed.returncode, failed.stderr) == (3, "ld.lld: error: undefined symbol: v8\n")
    assert (tmp_path / "out/torque").read_text() == before


@pytest.mark.usefixtures("base")
def test_linking_again_replaces_both(tmp_path: Path) -> None:
    link(tmp_path, "-o", "./torque")
    (tmp_path / "out/torque.elf").write_text("old")
    link(tmp_path, "-o", "./torque")
    assert "I am ./torque.elf" in run(tmp_path, "./torque").stdout


@pytest.mark.usefixtures("base")
def test_the_launcher_is_newer_than_what_it_starts(tmp_path: Path) -> None:
    """Ninja compares it with what was linked."""
    link(tmp_path, "-o", "./torque")
    assert (tmp_path / "out/torque").stat().st_mtime_ns >= (tmp_path / "out/torque.elf").stat().st_mtime_ns


def test_an_old_launcher_starts_the_emulator_of_today(tmp_path: Path, base: ClangBase) -> None:
    link(tmp_path, "-o", "./torque")
    other = script(tmp_path / "other", '#!/bin/sh\necho other\nexec "$@"\n')
    dataclasses.replace(base, run_prefix=(str(other),)).write(tmp_path / "clang")
    assert run(tmp_path, "./torque", "x").stdout == "other\nI am ./torque.elf with x\n"


def test_gn_finds_the_run_time_library(tmp_path: Path, base: ClangBase) -> None:
    library = tmp_path / "clang/lib/clang/19/lib/aarch64-unknown-linux-gnu/libclang_rt.builtins.a"
    assert library.read_bytes() == b"!<arch>\n"
    assert library.readlink() == base.runtime_library()


def test_other_tools_are_passed_on(tmp_path: Path, base: ClangBase) -> None:
    del base
    assert run(tmp_path, str(tmp_path / "clang/bin/llvm-ar"), "-r", "x.a").stdout == "ar -r x.a\n"


def test_writing_again_changes_nothing(tmp_path: Path, base: ClangBase) -> None:
    """The compilers' age is part of what compiler caches look at."""
    paths = [path for path in sorted((tmp_path / "clang").rglob("*")) if path.is_file()]
    for path in paths:
        if not path.is_symlink():
            os.utime(path, ns=(1, 1))
    before = [path.lstat().st_mtime_ns for path in paths]
    base.write(tmp_path / "clang")
    assert [path.lstat().st_mtime_ns for path in paths] == before


def test_a_sysroot_without_the_library(tmp_path: Path) -> None:
    base = ClangBase(
        toolchain=toolchain(tmp_path, with_runtime_library=False),
        llvm_major=19,
        architecture=ARCHITECTURES["arm64"],
        run_prefix=(),
    )
    with pytest.raises(ToolboxError) as error:
        base.write(tmp_path / "clang")
    assert str(error.value) == (
        "error: there is no libclang_rt.builtins-aarch64.a in the sysroot\n"
        "  usual cause: the package libclang-rt-19-dev of arm64 is not there\n"
        "  what to do:  give --toolchain private (or auto), or install that package"
    )
