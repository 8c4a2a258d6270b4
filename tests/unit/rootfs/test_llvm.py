"""Clang and lld of a root as programs of this machine."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pipeline.model.target import find_target
from pipeline.rootfs.llvm import NativeLlvm


def test_names_and_variables(tmp_path: Path) -> None:
    arm64 = find_target("arm64")
    (tmp_path / "usr/lib/llvm-14/bin").mkdir(parents=True)
    assert NativeLlvm.found_in(tmp_path, arm64) is None  # rustc has such a directory for its library
    (tmp_path / "usr/lib/llvm-14/lib/clang/14.0.6").mkdir(parents=True)
    for name in ("clang", "clang++", "ld.lld", "llvm-ar"):
        (tmp_path / "usr/lib/llvm-14/bin" / name).touch()
    llvm = NativeLlvm.found_in(tmp_path, arm64)
    assert llvm == NativeLlvm(major=14, target=arm64)
    bin_dir = PurePosixPath("usr/lib/llvm-14/bin")
    assert dict(llvm.names(tmp_path)) == {
        name: bin_dir / program
        for program in ("clang", "clang++", "ld.lld", "llvm-ar")
        for name in (program, f"{program}-14")
    }
    assert llvm.variables(tmp_path, "clang++-14") == (
        "CCC_OVERRIDE_OPTIONS=# ^-resource-dir=/usr/lib/llvm-14/lib/clang/14.0.6 ^--target=aarch64-linux-gnu",
    )
    assert llvm.variables(tmp_path, "ld.lld") == ()
