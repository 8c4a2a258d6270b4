"""Finding tools on a machine; the tools are scripts that tell a version."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.model.target import find_target
from pipeline.toolchains.machine import Probe

AMD64, ARM64 = find_target("amd64"), find_target("arm64")
LLVM_PROGRAMS = ("clang", "clang++", "ld.lld", "llvm-ar", "llvm-ranlib", "llvm-strip")


def program(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


def probe(directory: Path) -> Probe:
    environ = {"PATH": f"{directory / 'bin'}:/usr/bin:/bin"}
    return Probe(environ=environ, host=AMD64, target=ARM64, root=directory / "root")


def install_llvm(directory: Path, version: str, without: str = "") -> None:
    for name in LLVM_PROGRAMS:
        if name != without:
            program(directory / f"llvm/bin/{name}", f"Debian clang version {version} (1)")
    (directory / "bin").mkdir(exist_ok=True)
    (directory / "bin/clang-19").symlink_to(directory / "llvm/bin/clang")


def install_rust(directory: Path, version: str, *triples: str) -> None:
    program(directory / "bin/rustc", str(directory / "rust"))
    program(directory / "rust/bin/rustc", f"rustc {version} (17067e9ac 2026-01-01)")
    program(directory / "rust/bin/cargo", f"cargo {version}")
    for triple in triples:
        rlib = directory / f"rust/lib/rustlib/{triple}/lib/libstd-1.rlib"
        rlib.parent.mkdir(parents=True)
        rlib.touch()


def test_a_bare_machine(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    bare = Probe(environ={"PATH": str(tmp_path / "bin")}, host=AMD64, target=ARM64, root=tmp_path)
    assert [tool.path for tool in bare.look().all()] == [None] * 5
    assert not bare.has_sysroot()


def test_llvm_that_fits(tmp_path: Path) -> None:
    install_llvm(tmp_path, "19.1.7")
    llvm = probe(tmp_path).look().llvm
    assert llvm.fits
    assert (llvm.path, llvm.version) == (tmp_path / "llvm/bin", "19.1.7")


def test_clang_without_lld(tmp_path: Path) -> None:
    install_llvm(tmp_path, "19.1.7", without="ld.lld")
    assert probe(tmp_path).look().llvm.unfit == "no ld.lld beside it"


def test_an_old_clang(tmp_path: Path) -> None:
    install_llvm(tmp_path, "14.0.6")
    assert probe(tmp_path).look().llvm.unfit == "14.0.6 is older than 16"


def test_rust_with_the_targets_standard_library(tmp_path: Path) -> None:
    install_rust(tmp_path, "1.96.0", AMD64.rust_triple, ARM64.rust_triple)
    rust = probe(tmp_path).look().rust
    assert rust.fits
    assert rust.path == tmp_path / "rust"


def test_rust_without_the_targets_standard_library(tmp_path: Path) -> None:
    install_rust(tmp_path, "1.96.0", AMD64.rust_triple)
    assert probe(tmp_path).look().rust.unfit == "it has no standard library for aarch64-unknown-linux-gnu"


def test_an_old_rust(tmp_path: Path) -> None:
    install_rust(tmp_path, "1.63.0", AMD64.rust_triple, ARM64.rust_triple)
    assert probe(tmp_path).look().rust.unfit == "1.63.0 is older than 1.85"


def test_an_old_emulator(tmp_path: Path) -> None:
    program(tmp_path / "bin/qemu-aarch64-static", "qemu-aarch64 version 5.2.0 (Debian 1:5.2+dfsg-11)")
    qemu = probe(tmp_path).look().qemu
    assert qemu.unfit == "5.2.0 is older than 7.2"
    program(tmp_path / "bin/qemu-aarch64-static", "qemu-aarch64 version 10.0.2")
    assert probe(tmp_path).look().qemu.fits


def test_looking_is_remembered_until_a_program_changes(tmp_path: Path) -> None:
    install_llvm(tmp_path, "19.1.7")
    memory = tmp_path / "memory"
    assert probe(tmp_path).look_once(memory).llvm.version == "19.1.7"
    (tmp_path / "llvm/bin/ld.lld").unlink()
    assert probe(tmp_path).look_once(memory).llvm.fits, "remembered: clang itself is the same"
    program(tmp_path / "llvm/bin/clang", "clang version 20.1.0")
    assert not probe(tmp_path).look_once(memory).llvm.fits


def test_development_files_of_host_and_target(tmp_path: Path) -> None:
    for triple in (AMD64.gnu_triple, ARM64.gnu_triple):
        for name in (f"usr/lib/{triple}/crt1.o", f"usr/lib/gcc/{triple}/12/libstdc++.so"):
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True)
            path.touch()
    assert probe(tmp_path).look().libc.fits
    assert probe(tmp_path).has_sysroot()


def test_only_the_wanted_major_version_of_clang_fits(tmp_path: Path) -> None:
    install_llvm(tmp_path, "19.1.7")
    for major, unfit in ((19, ""), (22, "19.1.7 is not 22")):
        found = dataclasses.replace(probe(tmp_path), llvm_major=major).look().llvm
        assert (found.version, found.unfit) == ("19.1.7", unfit)
