"""Unpacking real package files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.apt.unpack import make_links_relative, prepare_root, unpack
from pipeline.errors import ProcessFailedError


def build_package(directory: Path, name: str, files: dict[str, str]) -> Path:
    tree = directory / f"{name}-tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\nDescription: d\n"
    )
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(content)
    result = directory / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(result)], check=True, capture_output=True)
    return result


def test_old_and_new_layout_meet(tmp_path: Path) -> None:
    root = tmp_path / "a root"
    prepare_root(root)
    unpack(build_package(tmp_path, "old", {"lib/x/a.so": "a", "bin/p": "p"}), root, os.environ)
    unpack(build_package(tmp_path, "new", {"usr/lib/x/b.so": "b"}), root, os.environ)
    assert (root / "lib").readlink() == Path("usr/lib")
    assert sorted(path.name for path in (root / "usr/lib/x").iterdir()) == ["a.so", "b.so"]
    assert (root / "usr/bin/p").read_text() == "p"


def test_of_the_documentation_only_copyright_files_stay(tmp_path: Path) -> None:
    root = tmp_path / "root"
    prepare_root(root)
    docs = ("README", "changelog.gz", "copyright", "examples/copyright")
    unpack(build_package(tmp_path, "doc", {f"usr/share/doc/x/{name}": name for name in docs}), root, os.environ)
    assert [path.name for path in (root / "usr/share/doc/x").rglob("*") if path.is_file()] == ["copyright"]


def test_the_files_of_each_package_are_listed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    prepare_root(root)
    unpack(build_package(tmp_path, "tiny", {"usr/lib/x.so": ""}), root, os.environ)
    assert "./usr/lib/x.so" in (root / "var/lib/dpkg/info/tiny.list").read_text().splitlines()


def test_a_damaged_package_file(tmp_path: Path) -> None:
    path = build_package(tmp_path, "broken", {"usr/x": "x" * 100_000})
    path.write_bytes(path.read_bytes()[:-60])
    root = tmp_path / "root"
    prepare_root(root)
    with pytest.raises(ProcessFailedError) as caught:
        unpack(path, root, os.environ)
    assert caught.value.what == "dpkg-deb ended with exit status 2"


def test_absolute_links_stay_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    prepare_root(root)
    (root / "usr/lib/x/y").mkdir(parents=True)
    (root / "usr/lib/x/real.so").write_text("real")
    (root / "usr/lib/x/y/absolute.so").symlink_to("/lib/x/real.so")
    (root / "usr/lib/x/relative.so").symlink_to("real.so")
    (root / "usr/lib/null").symlink_to("/dev/null")
    assert make_links_relative(root) == 1
    assert (root / "usr/lib/x/y/absolute.so").readlink() == Path("../../../../lib/x/real.so")
    assert (root / "usr/lib/x/y/absolute.so").read_text() == "real"
    assert (root / "usr/lib/null").readlink() == Path("/dev/null")
