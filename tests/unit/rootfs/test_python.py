"""A native Python in a root: which interpreter it is, and the modules that it finds."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pipeline.model.target import find_target
from pipeline.rootfs import python

MODULES = "usr/lib/python3.11/lib-dynload"


def prefix(directory: Path, machine: str, *names: str) -> Path:
    for path in (directory / "usr/bin/python3.11", *(directory / MODULES / f"{n}.{machine}.so" for n in names)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return directory


def test_the_minimal_package_is_no_interpreter_for_the_root(tmp_path: Path) -> None:
    assert python.found_in(prefix(tmp_path, "x86", "_ssl")) is None
    assert python.native_modules(tmp_path) == ()
    assert python.found_in(prefix(tmp_path, "x86", "_ctypes")) == "python3.11"


def test_modules_of_both_machines_lie_in_one_directory(tmp_path: Path) -> None:
    tools, rootfs = prefix(tmp_path / "tools", "x86", "_ctypes"), prefix(tmp_path / "rootfs", "arm", "_ctypes", "own")
    links = tmp_path / "links"
    python.link_modules(tools, PurePosixPath("/.native"), rootfs / MODULES, PurePosixPath("/.emulated/python"), links)
    assert {path.name: str(path.readlink()) for path in links.iterdir()} == {
        "_ctypes.x86.so": f"/.native/{MODULES}/_ctypes.x86.so",
        "_ctypes.arm.so": "/.emulated/python/_ctypes.arm.so",
        "own.arm.so": "/.emulated/python/own.arm.so",
    }
    assert str(python.modules_dir("python3.11")) == f"/{MODULES}"


def test_it_tells_of_the_roots_machine() -> None:
    assert python.variables(find_target("armhf")) == (
        "_PYTHON_HOST_PLATFORM=linux-armv7l",
        "_PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__arm-linux-gnueabihf",
    )
