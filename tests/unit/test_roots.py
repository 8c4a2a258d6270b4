"""Root directories for programs on other machines: what lies in them, and which libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PackageError
from pipeline.model.target import find_target
from pipeline.roots import Root, libraries_in, library_closure, named_directories, outermost, root_members
from tests.unit.elf.files import ElfSpec, elf_file

ARM64 = find_target("arm64")


def elf(path: Path, *needed: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(elf_file(ElfSpec(target=ARM64, needed=needed)))
    return path


def test_libraries_beside_the_program_are_not_looked_for_elsewhere(tmp_path: Path) -> None:
    program = elf(tmp_path / "app/app", "libown.so.1")
    elf(tmp_path / "app/lib/libown.so.1", "libc.so.6")
    system = elf(tmp_path / "system/libc.so.6")
    own = libraries_in([tmp_path / "app"])
    assert set(own) == {"libown.so.1"}
    assert library_closure([program], (tmp_path / "system",), own) == {"libc.so.6": system}
    with pytest.raises(PackageError, match=r"app needs the library libown\.so\.1"):
        library_closure([program], (tmp_path / "system",))


def test_everything_lies_at_its_own_path(tmp_path: Path) -> None:
    program, loader = elf(tmp_path / "p"), elf(tmp_path / "sys" / ARM64.interpreter.lstrip("/"))
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "src/deep/a").write_text("a")
    (tmp_path / "src/around").symlink_to(tmp_path / "src")
    root = Root(
        target=ARM64, programs=(program,), sysroot=tmp_path / "sys", libraries={"libc.so.6": loader},
        directories=(tmp_path / "out",), sources=(tmp_path / "src", program),
    )  # fmt: skip
    names = {member.name for member in root_members(root)}
    assert names == {
        "root/dev", "root/proc", "root/tmp", "root/lib/aarch64-linux-gnu/libc.so.6", f"root{ARM64.interpreter}",
        f"root{program}", f"root{tmp_path}/out", f"root{tmp_path}/src/deep/a",
    }  # fmt: skip


def test_a_package_is_named_other_than_in_a_panic(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_bytes(b"\0/r/one-1.0/src/lib.rs\0/r/two-1.0/js\0/r/three-1.0/four\0/r/two-1.0more\0")
    candidates = [Path("/r") / name for name in ("one-1.0", "two-1.0", "three", "four-1.0")]
    assert named_directories(program, candidates) == (Path("/r/three"), Path("/r/two-1.0"))


def test_outermost() -> None:
    assert outermost(["/a/b", "/a", "/a", "/ab"]) == ("/a", "/ab")
