"""Scripts and variables of a toolchain; the programs behind them say what they were given."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.model.target import TARGETS, Target, find_target
from pipeline.toolchains.wrappers import (
    RUST_SYSROOT_VARIABLE,
    HostScripts,
    TargetScripts,
    toolchain_environment,
    write_host_scripts,
    write_target_scripts,
)

AMD64 = find_target("amd64")


def scripts(directory: Path, target: Target) -> TargetScripts:
    """Return what scripts for *target* refer to."""
    host = HostScripts(
        host=AMD64,
        llvm_bin=directory / "tools",
        rustc=directory / "tools/rustc",
        cargo=directory / "tools/cargo",
        std_dir=directory / "host-std" / AMD64.rust_triple,
        sysroot=directory / "host",
        directory=directory / "for the host",
    )
    return TargetScripts(
        host=host,
        target=target,
        std_dir=directory / "target-std" / target.rust_triple,
        sysroot=directory / "the sysroot",
        directory=directory / "toolchain",
    )


def written(directory: Path, target: Target) -> TargetScripts:
    """Return scripts that were written; what they start says how it was called."""
    for name in ("clang", "clang++", "llvm-ar", "rustc"):
        program = directory / "tools" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        program.chmod(0o755)
    made = scripts(directory, target)
    write_host_scripts(made.host, made.host.directory)
    write_target_scripts(made, made.directory)
    return made


def said(program: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> list[str]:
    completed = subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env=env or {})
    return completed.stdout.splitlines()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_variables_lead_to_compilers_of_the_target(tmp_path: Path, target: Target) -> None:
    made = written(tmp_path, target)
    env = toolchain_environment(made)
    for name, program in ((f"CC_{target.env_suffix}", "clang"), (f"CXX_{target.env_suffix}", "clang++")):
        words = said(env[name], "-c", "a file.c")
        assert words[0] == str(tmp_path / "tools" / program)
        assert f"--target={target.clang_triple}" in words
        assert f"--sysroot={tmp_path}/the sysroot" in words
        assert words[-2:] == ["-c", "a file.c"]
    assert env[f"CARGO_TARGET_{target.cargo_env_infix}_LINKER"] == env[f"CC_{target.env_suffix}"]
    assert said(env[f"AR_{target.env_suffix}"], "crs")[1:] == ["crs"]


def test_host_units_get_the_hosts_headers(tmp_path: Path) -> None:
    made = written(tmp_path, find_target("arm64"))
    env = toolchain_environment(made)
    assert f"--sysroot={tmp_path}/host" in said(env["HOST_CC"])
    assert env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"] == env["HOST_CC"] == f"{made.host.bin_dir}/cc"


def test_what_compiles_for_the_host_does_not_depend_on_the_target(tmp_path: Path) -> None:
    """Else Cargo would compile build scripts and procedural macros for every target anew."""
    first, second = (toolchain_environment(scripts(tmp_path, find_target(name))) for name in ("arm64", "s390x"))
    shared = {name: value for name, value in first.items() if second.get(name) == value}
    assert {name for name in shared if name != RUST_SYSROOT_VARIABLE} == {
        *("RUSTC", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "HOST_CC", "HOST_CXX", "HOST_AR", "HOST_RANLIB"),
    }


def test_host_and_target_of_one_triple_have_one_linker(tmp_path: Path) -> None:
    made = written(tmp_path, AMD64)
    env = toolchain_environment(made)
    assert env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"] == f"{made.bin_dir}/x86_64-linux-gnu-clang"


def test_rustc_sees_both_standard_libraries(tmp_path: Path) -> None:
    made = written(tmp_path, find_target("s390x"))
    env = toolchain_environment(made)
    assert said(env["RUSTC"], "-vV", env=env)[1:] == ["--sysroot", f"{tmp_path}/toolchain/rust", "-vV"]
    links = {path.name: path.readlink() for path in (made.rust_sysroot / "lib/rustlib").iterdir()}
    assert links == {
        "x86_64-unknown-linux-gnu": tmp_path / "host-std/x86_64-unknown-linux-gnu",
        "s390x-unknown-linux-gnu": tmp_path / "target-std/s390x-unknown-linux-gnu",
    }


def test_rustc_by_itself_sees_the_hosts(tmp_path: Path) -> None:
    made = written(tmp_path, find_target("s390x"))
    assert said(made.host.bin_dir / "rustc", "-vV")[1:] == ["--sysroot", f"{tmp_path}/for the host/rust", "-vV"]
    assert [path.name for path in (made.host.directory / "rust/lib/rustlib").iterdir()] == ["x86_64-unknown-linux-gnu"]


def test_armhf_is_compiled_for_every_armhf_processor(tmp_path: Path) -> None:
    made = written(tmp_path, find_target("armhf"))
    words = said(made.bin_dir / "arm-linux-gnueabihf-clang")
    assert {"-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"} <= set(words)
