"""A toolchain of the machine's own tools, put together and remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.toolchains.assemble import Assembly
from pipeline.toolchains.machine import FoundTool, MachineTools


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    tools = tmp_path / "tools"
    for name in ("clang", "ld.lld", "rust/bin/rustc", "rust/bin/cargo", "qemu", "patchelf"):
        (tools / name).parent.mkdir(parents=True, exist_ok=True)
        (tools / name).write_text("#!/bin/sh\necho tool 1.2.3\n")
        (tools / name).chmod(0o755)
    places = {
        "llvm": tools,
        "rust": tools / "rust",
        "qemu": tools / "qemu",
        "patchelf": tools / "patchelf",
        "libc": tools,
    }
    found = {name: FoundTool(name=name, path=path, version="1.2.3") for name, path in places.items()}
    return Assembly(
        context=Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={}),
        host=find_target("amd64"),
        target=find_target("arm64"),
        plan=None,
        prefixes=None,
        machine=MachineTools(**found),
    )


def test_it_is_put_together_once(assembly: Assembly) -> None:
    first = assembly.toolchain()
    stamp = (first.path_dirs[0].parent / "toolchain.json").stat()
    assert assembly.toolchain() == first
    assert (first.path_dirs[0].parent / "toolchain.json").stat().st_ino == stamp.st_ino


@pytest.mark.parametrize("content", ["", "{}", '{"target": 1}'])
def test_what_is_damaged_or_of_another_version_is_put_together_again(assembly: Assembly, content: str) -> None:
    first = assembly.toolchain()
    (first.path_dirs[0].parent / "toolchain.json").write_text(content)
    assert assembly.toolchain() == first
