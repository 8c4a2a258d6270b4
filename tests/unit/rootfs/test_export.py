"""A root as an image: what it holds, whose it is, and how it is entered."""

from __future__ import annotations

from pathlib import Path

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.root import EmulatedRoot, Emulator, NativeTools, RootRequest
from pipeline.model.target import find_target
from pipeline.rootfs.export import entrypoint, environment, members
from pipeline.rootfs.store import Exported


def written(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def exported(tmp_path: Path) -> Exported:
    rootfs, tools = tmp_path / "made/rootfs", tmp_path / "tools"
    written(rootfs / "etc/group", "root:x:0:\nshadow:x:42:\n")
    written(rootfs / "etc/shadow", "root:*:1::::::\n").chmod(0o600)
    for name in ("bash", "gcc", "other"):
        written(rootfs / "usr/bin" / name, f"own {name}").chmod(0o755)
    (rootfs / "bin").symlink_to("usr/bin")
    for name in ("bash", "gcc", "clang"):
        written(tools / "switches" / name, f"native {name}")
    written(tools / "by-path/bash", "native bash")
    modules = "usr/lib/python3.11/lib-dynload"
    written(tools / "usr/bin/python3.11")
    for place, machine in ((tools, "x86_64"), (rootfs, "aarch64")):
        written(place / modules / f"_ctypes.cpython-311-{machine}-linux-gnu.so")
    arm64 = find_target("arm64")
    root = EmulatedRoot(
        request=RootRequest(target=arm64),
        digest="d",
        directory=rootfs.parent,
        emulator=Emulator(path=written(tmp_path / "qemu"), target=arm64),
        tools=NativeTools(directory=tools),
    )
    return Exported(root=root, entry=written(tmp_path / "proot/usr/bin/proot").parents[2], packages=())


def test_what_an_image_holds(tmp_path: Path) -> None:
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})
    made = {member.name: member for member in members(exported(tmp_path), context)}
    assert (made["etc/shadow"].owner_id, made["etc/shadow"].group_id, made["etc/shadow"].mode) == (0, 42, 0o640)
    assert (made["usr/bin/other"].mode, made["bin"].link_to) == (0o755, "usr/bin")
    # What scripts name by its path is native; the root's own is kept.
    assert made["usr/bin/bash"].content == tmp_path / "tools/by-path/bash"
    assert made[".emulated/bash"].content == tmp_path / "made/rootfs/usr/bin/bash"
    assert made["usr/bin/gcc"].content == tmp_path / "made/rootfs/usr/bin/gcc"
    names = {name: member.link_to for name, member in made.items() if name.startswith(".native/names/")}
    assert names == {f".native/names/{name}": f"/.native/switches/{name}" for name in ("bash", "gcc")}
    module = "usr/lib/python3.11/lib-dynload/_ctypes.cpython-311-x86_64-linux-gnu.so"
    assert made[module].link_to == f"/.native/{module}"
    assert {".entry/usr/bin/proot", ".entry/emulator", ".native/switches/clang"} <= made.keys()


def test_how_it_is_entered(tmp_path: Path) -> None:
    image = exported(tmp_path)
    assert entrypoint(image) == (
        "/.entry/usr/bin/proot", "--root-id", "--rootfs=/", "--cwd=/root", "--qemu=/.entry/emulator",
    )  # fmt: skip
    assert environment(image)["PATH"].startswith("/.native/names:")
    assert environment(image)["QEMU_CPU"] == "cortex-a72"
