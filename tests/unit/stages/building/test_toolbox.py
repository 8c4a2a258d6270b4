"""Modes of the toolbox that fetch nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.stages.building import toolbox
from pipeline.toolchains.request import Machine

AMD64 = find_target("amd64")
LLVM_PROGRAMS = ("clang", "clang++", "ld.lld", "llvm-ar", "llvm-ranlib", "llvm-strip")


def context(directory: Path, cache: str = "cache") -> Context:
    environ = {"PATH": f"{directory / 'bin'}", "HOME": str(directory)}
    return Context(cache_dir=directory / cache, reporter=NullReporter(), environ=environ, offline=True)


def machine(directory: Path) -> Machine:
    return Machine(
        os_release_path=directory / "os-release",
        apt_dir=directory / "apt",
        kernel_machine="x86_64",
        root=directory / "root",
    )


def program(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


def install_everything(directory: Path) -> None:
    """Put a complete host toolchain of scripts into *directory*."""
    for name in LLVM_PROGRAMS:
        program(directory / "bin" / name, "clang version 19.1.7")
    program(directory / "bin/rustc", str(directory / "rust"))
    program(directory / "rust/bin/rustc", "rustc 1.96.0 (0 2026-01-01)")
    program(directory / "rust/bin/cargo", "cargo 1.96.0")
    program(directory / "bin/qemu-x86_64-static", "qemu-x86_64 version 7.2.22")
    program(directory / "bin/patchelf", "patchelf 0.14.3")
    for name in (
        f"rust/lib/rustlib/{AMD64.rust_triple}/lib/libstd-1.rlib",
        f"root/usr/lib/{AMD64.gnu_triple}/crt1.o",
        f"root/usr/lib/gcc/{AMD64.gnu_triple}/12/libstdc++.so",
    ):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_installed_tools_make_a_toolchain(tmp_path: Path) -> None:
    install_everything(tmp_path)
    inputs = toolbox.ToolboxInputs(target=AMD64, mode="host", machine=machine(tmp_path))
    toolchain = toolbox.run(inputs, context(tmp_path))
    assert {(tool.name, tool.version, tool.origin) for tool in toolchain.tools} == {
        ("clang", "19.1.7", "host"),
        ("lld", "19.1.7", "host"),
        ("rustc", "1.96.0", "host"),
        ("cargo", "1.96.0", "host"),
        ("qemu", "7.2.22", "host"),
        ("patchelf", "0.14.3", "host"),
    }
    assert toolchain.sysroot == tmp_path / "root"
    assert toolchain.cargo == tmp_path / "rust/bin/cargo"
    assert toolbox.run(inputs, context(tmp_path)) == toolchain


def test_a_machine_that_lacks_tools_is_told_all_of_them(tmp_path: Path) -> None:
    install_everything(tmp_path)
    (tmp_path / "bin/patchelf").unlink()
    program(tmp_path / "bin/qemu-x86_64-static", "qemu-x86_64 version 5.2.0")
    with pytest.raises(ToolboxError) as caught:
        toolbox.run(toolbox.ToolboxInputs(target=AMD64, mode="host", machine=machine(tmp_path)), context(tmp_path))
    assert str(caught.value) == (
        "error: this machine lacks what building for amd64 takes:\n"
        "    qemu-x86_64-static (5.2.0 is older than 7.2)\n"
        "    patchelf (not found)\n"
        "  usual cause: --toolchain host uses installed tools only\n"
        "  what to do:  install them, or give --toolchain auto, which fetches what is missing"
    )


def test_a_program_that_does_not_run(tmp_path: Path) -> None:
    install_everything(tmp_path)
    inputs = toolbox.ToolboxInputs(target=AMD64, mode="host", machine=machine(tmp_path))
    script = tmp_path / "rust/bin/cargo"
    script.write_text("#!/bin/sh\necho broken library >&2\nexit 127\n")
    with pytest.raises(ToolboxError) as caught:
        toolbox.run(inputs, context(tmp_path))
    assert str(caught.value) == (
        "broken library\n\n"
        "error: cargo does not run: exit status 127\n"
        "  usual cause: the toolbox is damaged, or the package does not work on this processor\n"
        f"  what to do:  remove {tmp_path}/cache/toolbox and try again, or give --toolchain host"
    )


def test_the_image_is_for_whole_commands(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError) as caught:
        toolbox.run(toolbox.ToolboxInputs(target=AMD64, mode="docker"), context(tmp_path))
    assert str(caught.value) == (
        "error: the toolchain image is for whole commands\n"
        "  usual cause: --toolchain docker has the command line run in it, and this is only a part of it\n"
        "  what to do:  give --toolchain private (or auto) here"
    )


def test_a_cache_directory_with_a_colon(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError) as caught:
        toolbox.run(toolbox.ToolboxInputs(target=AMD64, mode="private"), context(tmp_path, "a:b"))
    assert str(caught.value) == (
        f"error: the cache directory {tmp_path}/a:b has a colon in its name\n"
        "  usual cause: it becomes part of lists such as PATH, whose entries are separated by colons\n"
        "  what to do:  choose another place with --cache-dir"
    )


def test_a_processor_without_a_row(tmp_path: Path) -> None:
    strange = Machine(kernel_machine="vax")
    with pytest.raises(ToolboxError, match="no toolchain can be made on a machine of kind 'vax'"):
        toolbox.run(toolbox.ToolboxInputs(target=AMD64, machine=strange), context(tmp_path))
