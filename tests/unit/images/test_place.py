"""Where the files of a product and its C library lie in an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ImageError, PackageError
from pipeline.images.place import check_programs, place_libc, place_product
from pipeline.model.target import TARGETS, find_target
from tests.unit.images.made import library, program, sysroot


def files_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def test_a_product_of_one_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app").write_bytes(program("arm64"))
    place_product(tree, tmp_path / "root", runtime="app", program="app")
    assert files_in(tmp_path / "root") == ["usr/bin/app"]


def test_a_product_of_several_files_stays_together(tmp_path: Path) -> None:
    (tmp_path / "tree/lib").mkdir(parents=True)
    (tmp_path / "tree/app").write_bytes(program("arm64"))
    (tmp_path / "tree/lib/libown.so.1").write_bytes(library("arm64", "libown.so.1"))
    root = tmp_path / "root"
    place_product(tmp_path / "tree", root, runtime="runtime", program="app")
    assert files_in(root) == ["usr/bin/app", "usr/lib/runtime/app", "usr/lib/runtime/lib/libown.so.1"]
    # The loader's $ORIGIN is where the link leads.
    assert (root / "usr/bin/app").resolve() == root / "usr/lib/runtime/app"


def test_a_product_without_the_program(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(ImageError) as caught:
        place_product(tmp_path / "tree", tmp_path / "root", runtime="app", program="app")
    assert str(caught.value) == (
        "error: the product has no program 'app'\n"
        "  usual cause: the build was made with another `binaries`, or for another package\n"
        "  what to do:  build again"
    )


@pytest.mark.parametrize("name", [target.name for target in TARGETS])
def test_the_c_library_lies_where_its_loader_looks(tmp_path: Path, name: str) -> None:
    target = find_target(name)
    own = tmp_path / "app"
    own.write_bytes(program(name))
    root = sysroot(tmp_path / "sysroot", name)
    place_libc((own,), tmp_path / "root", sysroot=root, target=target)
    # What the program does not need stays behind; what looks up hosts comes along, though nothing is linked with it.
    assert files_in(tmp_path / "root") == sorted(
        [
            target.interpreter.lstrip("/"),
            f"lib/{target.gnu_triple}/libc.so.6",
            f"lib/{target.gnu_triple}/libnss_dns.so.2",
            "usr/share/doc/libc6/copyright",
        ]
    )


def test_libraries_of_the_product_are_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "app").write_bytes(program("arm64", needed=("libown.so.1",)))
    own = tmp_path / "libown.so.1"
    root = sysroot(tmp_path / "sysroot", "arm64")
    with pytest.raises(PackageError):
        place_libc((tmp_path / "app",), tmp_path / "root", sysroot=root, target=find_target("arm64"))
    own.write_bytes(library("arm64", "libown.so.1"))
    place_libc((tmp_path / "app", own), tmp_path / "root", sysroot=root, target=find_target("arm64"))
    assert "lib/aarch64-linux-gnu/libown.so.1" not in files_in(tmp_path / "root")


def test_a_program_of_another_architecture(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app").write_bytes(program("amd64"))
    with pytest.raises(ImageError) as caught:
        check_programs(tree, find_target("arm64"))
    assert str(caught.value) == (
        "error: app is for 64-bit little-endian amd64, and not for linux/arm64\n"
        "  usual cause: a file was put under the name of another target\n"
        "  what to do:  build for arm64 again, into an empty directory"
    )
