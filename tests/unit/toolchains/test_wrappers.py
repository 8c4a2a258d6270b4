"""Scripts and variables of a toolchain; the programs behind them say what they were given."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.model.target import TARGETS, Target, find_target
from pipeline.toolchains.wrappers import RustDirs, WrapperInputs, toolchain_environment, write_wrappers

AMD64 = find_target("amd64")


def inputs(directory: Path, target: Target) -> WrapperInputs:
    for name in ("clang", "clang++", "llvm-ar", "rustc"):
        program = directory / "tools" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        program.chmod(0o755)
    std_dirs = {AMD64.rust_triple: directory / "host-std", target.rust_triple: directory / "target-std"}
    return WrapperInputs(
        host=AMD64,
        target=target,
        llvm_bin=directory / "tools",
        rust=RustDirs(rustc=directory / "tools/rustc", cargo=directory / "tools/cargo", std_dirs=std_dirs),
        sysroot=directory / "the sysroot",
        host_sysroot=directory / "host",
        directory=directory / "toolchain",
    )


def said(program: str | Path, *arguments: str) -> list[str]:
    completed = subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env={})
    return completed.stdout.splitlines()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_variables_lead_to_compilers_of_the_target(tmp_path: Path, target: Target) -> None:
    made = inputs(tmp_path, target)
    write_wrappers(made, made.directory)
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
    made = inputs(tmp_path, find_target("arm64"))
    write_wrappers(made, made.directory)
    env = toolchain_environment(made)
    assert f"--sysroot={tmp_path}/host" in said(env["HOST_CC"])
    assert env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"] == env["HOST_CC"] == f"{made.bin_dir}/cc"


def test_host_and_target_of_one_triple_share_the_targets_headers(tmp_path: Path) -> None:
    made = inputs(tmp_path, AMD64)
    write_wrappers(made, made.directory)
    env = toolchain_environment(made)
    assert f"--sysroot={tmp_path}/the sysroot" in said(env["HOST_CC"])
    assert env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"] == f"{made.bin_dir}/x86_64-linux-gnu-clang"


def test_rustc_sees_both_standard_libraries(tmp_path: Path) -> None:
    made = inputs(tmp_path, find_target("s390x"))
    write_wrappers(made, made.directory)
    words = said(toolchain_environment(made)["RUSTC"], "-vV")
    assert words[1:] == ["--sysroot", f"{tmp_path}/toolchain/rust", "-vV"]
    links = {path.name: path.readlink() for path in (made.directory / "rust/lib/rustlib").iterdir()}
    assert links == {
        "x86_64-unknown-linux-gnu": tmp_path / "host-std",
        "s390x-unknown-linux-gnu": tmp_path / "target-std",
    }


def test_armhf_is_compiled_for_every_armhf_processor(tmp_path: Path) -> None:
    made = inputs(tmp_path, find_target("armhf"))
    write_wrappers(made, made.directory)
    words = said(made.bin_dir / "arm-linux-gnueabihf-clang")
    assert {"-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"} <= set(words)
