"""Libraries that users have are looked for in the sysroot before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PackageError
from pipeline.model.spec.origins import PathSource
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.target import Target, find_target
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.building.assumed import find_assumed
from tests.unit.elf.files import ElfSpec, elf_file

ARM64 = find_target("arm64")


def library(sysroot: Path, name: str, target: Target = ARM64) -> Path:
    path = sysroot / "usr/lib/aarch64-linux-gnu" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(elf_file(ElfSpec(target=target)))
    return path


def find(sysroot: Path, *names: str) -> dict[str, Path]:
    nowhere = sysroot / "nowhere"
    toolchain = Toolchain(
        target=ARM64, cargo=nowhere, env={}, path_dirs=(), sysroot=sysroot, qemu=nowhere, qemu_version="",
        patchelf=nowhere, strip=nowhere, tools=(), digest="",
    )  # fmt: skip
    runtime = RuntimeSpec(source=PathSource(kind="path", path=sysroot), assumed_libraries=names)
    return find_assumed(runtime, toolchain)


def test_they_are_found_by_name_behind_links(tmp_path: Path) -> None:
    real = library(tmp_path, "libx.so.1.2")
    (real.parent / "libx.so.1").symlink_to("libx.so.1.2")
    assert find(tmp_path, "libx.so.1") == {"libx.so.1": real}
    assert find(tmp_path) == {}


def test_those_that_the_sysroot_lacks(tmp_path: Path) -> None:
    library(tmp_path, "libx.so.1")
    library(tmp_path, "libz.so.1", find_target("amd64"))
    with pytest.raises(PackageError) as caught:
        find(tmp_path, "libx.so.1", "liby.so.1", "libz.so.1")
    assert str(caught.value) == (
        "error: the arm64 sysroot has no liby.so.1, libz.so.1, which users are assumed to have\n"
        "  usual cause: a misspelt name in `assumed-libraries`, or a library "
        "that is in none of the sysroot's packages\n"
        "  what to do:  correct the name, or take it out: what the product needs then travels with it"
    )
