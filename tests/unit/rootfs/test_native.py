"""Native tools in a root: which names they take there, and what lies over the root's own programs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pipeline.model.root import NativeTools
from pipeline.model.target import find_target
from pipeline.rootfs.gcc import CrossGcc
from pipeline.rootfs.native import binds, lying_over, names_in, switches

ARM64 = find_target("arm64")


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_what_a_run_kept_lies_over_what_the_root_has(tmp_path: Path) -> None:
    tools = NativeTools(directory=made(tmp_path / "tools", "by-path/m4", "by-path/sed", "by-path/perl", "switches/m4"))
    rootfs = made(tmp_path / "rootfs", "usr/bin/sed")
    upper = made(tmp_path / "upper", "usr/bin/sed", "usr/bin/m4")
    found = {name: original for name, original, _switch in lying_over(tools, (rootfs, upper))}
    assert found == {"m4": upper / "usr/bin/m4", "sed": upper / "usr/bin/sed"}
    assert names_in(tools, (rootfs, upper)) == ("m4",)
    (tmp_path / "run").mkdir()
    places = [bind.inside for bind in binds(tools, (rootfs,), tmp_path / "run")]
    assert places == ["/.native", "/.native/names", "/.emulated/sed", "/usr/bin/sed"]


def test_names_of_programs(tmp_path: Path) -> None:
    root = made(
        tmp_path, "usr/bin/aarch64-linux-gnu-ld", "usr/bin/dash", "usr/bin/sccache", "usr/bin/dpkg-deb",
        "usr/bin/python3.11", "usr/lib/python3.11/lib-dynload/_ctypes.so",
    )  # fmt: skip
    gcc = CrossGcc(triple="aarch64-linux-gnu", major=12, prefix=PurePosixPath("/.native"))
    named = {switch.name: switch for switch in switches(root, gcc, ARM64)}
    assert {"cc", "gcc", "g++", "c++", "aarch64-linux-gnu-gcc", "ld", "aarch64-linux-gnu-ld", "sh"} <= named.keys()
    assert (named["sh"].native, named["sh"].emulated) == ("/.native/usr/bin/dash", "/.emulated/dash")
    assert (named["sccache"].native, named["dpkg-deb"].emulated) == ("/.native/usr/bin/sccache", "/usr/bin/dpkg-deb")
    python = named["python3"]
    assert (python.called, python.native, python.emulated) == (
        "/usr/bin/python3", "/.native/usr/bin/python3.11", "/.emulated/python3.11",
    )  # fmt: skip
