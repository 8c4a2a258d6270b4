"""Variables for native dependencies, read by the programs that they are for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import ToolboxError
from pipeline.model.target import TARGETS, Target, find_target
from pipeline.model.toolchain import Toolchain
from pipeline.rust import native_env
from pipeline.rust.native_env import native_environment

ENVIRON = {"PATH": os.environ["PATH"]}


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def toolchain(tmp_path: Path, target: Target, *, env: dict[str, str] | None = None) -> Toolchain:
    """Return a toolchain with a made-up Clang: it knows where its resources are, and compiles with the machine's."""
    tools, suffix = tmp_path / "tools prefix", target.env_suffix
    resources = tools / "usr/lib/llvm-19/lib/clang/19"
    resources.mkdir(parents=True, exist_ok=True)
    answer = f'[ "$1" = -print-resource-dir ] && exec echo "{resources}"\nexec cc "$@"'
    compiler = script(tools / f"bin/{target.gnu_triple}-clang", answer)
    variables = {f"CC_{suffix}": str(compiler), f"CXX_{suffix}": str(compiler), f"AR_{suffix}": "/usr/bin/ar"}
    sysroot = tmp_path / "sysroot"
    sysroot.mkdir(exist_ok=True)
    return Toolchain(
        target=target,
        cargo=Path("/nonexistent/cargo"),
        env=variables if env is None else env,
        path_dirs=(tools / "bin",),
        sysroot=sysroot,
        qemu=Path("/nonexistent/qemu"),
        qemu_version="7.2",
        patchelf=Path("/nonexistent/patchelf"),
        strip=tools / "bin/strip",
        tools=(),
        digest="0",
    )


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: str(t.name))
def test_every_variable_is_qualified_by_the_target(tmp_path: Path, target: Target) -> None:
    got = native_environment(toolchain(tmp_path, target), tmp_path / "out", ENVIRON)
    assert sorted(got.env) == sorted(
        f"{name}_{target.env_suffix}"
        for name in (
            "BINDGEN_EXTRA_CLANG_ARGS",
            "CMAKE_TOOLCHAIN_FILE",
            "PKG_CONFIG_ALLOW_CROSS",
            "PKG_CONFIG_LIBDIR",
            "PKG_CONFIG_PATH",
            "PKG_CONFIG_SYSROOT_DIR",
        )
    )
    assert "libclang" in got.missing


@pytest.mark.parametrize("place", ["usr/lib/llvm-19/lib/libclang-19.so.1", "usr/lib/x86_64-linux-gnu/libclang-19.so.1"])
def test_libclang_is_found_where_its_package_puts_it(tmp_path: Path, place: str) -> None:
    chain = toolchain(tmp_path, find_target("arm64"))
    library = tmp_path / "tools prefix" / place
    library.parent.mkdir(parents=True, exist_ok=True)
    library.write_bytes(b"")
    (library.parent / "libclang-cpp.so.19.1").write_bytes(b"")
    got = native_environment(chain, tmp_path / "out", ENVIRON)
    assert got.env["LIBCLANG_PATH"] == str(library.parent)
    assert "libclang" not in got.missing


def test_the_library_of_clangs_own_programs_is_not_libclang(tmp_path: Path) -> None:
    chain = toolchain(tmp_path, find_target("arm64"))
    (tmp_path / "tools prefix/usr/lib/llvm-19/lib/libclang-cpp.so.19.1").write_bytes(b"")
    assert "LIBCLANG_PATH" not in native_environment(chain, tmp_path / "out", ENVIRON).env


def test_bindgen_gets_target_sysroot_and_clangs_headers(tmp_path: Path) -> None:
    got = native_environment(toolchain(tmp_path, find_target("armhf")), tmp_path / "out", ENVIRON)
    assert got.env["BINDGEN_EXTRA_CLANG_ARGS_armv7_unknown_linux_gnueabihf"] == (
        f"--target=armv7-linux-gnueabihf --sysroot={tmp_path}/sysroot "
        f"'-resource-dir={tmp_path}/tools prefix/usr/lib/llvm-19/lib/clang/19'"
    )


def test_programs_that_are_missing_are_named(tmp_path: Path) -> None:
    chain = toolchain(tmp_path, find_target("arm64"))
    script(tmp_path / "tools prefix/bin/make", "")
    assert native_environment(chain, tmp_path / "out", {"PATH": "/nonexistent"}).missing == (
        "cmake",
        "pkg-config",
        "libclang",
    )


def test_a_toolchain_without_a_compiler(tmp_path: Path) -> None:
    chain = toolchain(tmp_path, find_target("arm64"), env={})
    with pytest.raises(ToolboxError, match="names no CC_aarch64_unknown_linux_gnu"):
        native_environment(chain, tmp_path / "out", ENVIRON)


def test_package_names() -> None:
    assert native_env.packages(19) == ("cmake", "make", "pkgconf", "libclang1-19")


@pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")
def test_cmake_takes_the_compiler_and_nothing_of_the_host(tmp_path: Path) -> None:
    target = find_target("arm64")
    chain = toolchain(tmp_path, target)
    got = native_environment(chain, tmp_path / "out", ENVIRON)
    header = chain.sysroot / "usr/include/only-in-sysroot.h"
    header.parent.mkdir(parents=True)
    header.write_text("")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(x NONE)\n"
        "find_path(HOST_HEADER stdio.h)\nfind_path(OWN_HEADER only-in-sysroot.h)\n"
        'message(STATUS "[${CMAKE_C_COMPILER}|${CMAKE_SYSTEM_PROCESSOR}|${HOST_HEADER}|${OWN_HEADER}]")\n'
    )
    arguments = [
        "cmake",
        "-S",
        ".",
        "-B",
        "b",
        f"-DCMAKE_TOOLCHAIN_FILE={got.env[f'CMAKE_TOOLCHAIN_FILE_{target.env_suffix}']}",
    ]
    said = subprocess.run(arguments, cwd=tmp_path, env=ENVIRON, capture_output=True, text=True, check=True).stdout
    compiler = tmp_path / "tools prefix/bin/aarch64-linux-gnu-clang"
    assert f"[{compiler}|aarch64|HOST_HEADER-NOTFOUND|{header.parent}]" in said


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="there is no pkg-config")
def test_pkg_config_sees_the_sysroot_only(tmp_path: Path) -> None:
    target = find_target("arm64")
    chain = toolchain(tmp_path, target)
    got = native_environment(chain, tmp_path / "out", ENVIRON)
    metadata = chain.sysroot / "usr/lib/aarch64-linux-gnu/pkgconfig/own.pc"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: own\nDescription: x\nVersion: 1\nCflags: -I/usr/include/own\n")
    suffix = f"_{target.env_suffix}"
    # As the pkg-config crate does it: the target's variables lose their suffix.
    env = ENVIRON | {n.removesuffix(suffix): v for n, v in got.env.items() if n.startswith("PKG_CONFIG_")}
    names = subprocess.run(["pkg-config", "--list-all"], env=env, capture_output=True, text=True, check=True).stdout
    flags = subprocess.run(
        ["pkg-config", "--cflags", "own"], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in names.splitlines()] == ["own"]
    assert flags.split() == [f"-I{chain.sysroot}/usr/include/own"]
