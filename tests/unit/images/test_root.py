"""An image as a directory: links stay inside, later layers win."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from pipeline.errors import ArchiveError
from pipeline.images.root import file_digests, unpack_root


def layer(place: Path, *members: tuple[str, bytes | str]) -> Path:
    """Text is where a link leads, bytes are a file."""
    with tarfile.open(place, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return place


def unpacked(tmp_path: Path, *layers: tuple[tuple[str, bytes | str], ...]) -> Path:
    paths = [layer(tmp_path / f"{number}.tar.gz", *members) for number, members in enumerate(layers)]
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    root.mkdir()
    scratch.mkdir()
    unpack_root(paths, root, scratch)
    return root


def test_layers_links_and_whiteouts(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path,
        (("lib", "usr/lib"), ("usr/lib/libc.so", b"old"), ("etc/gone", b"x"), ("bin/sh", "/usr/bin/dash")),
        (("lib/libc.so", b"new"), ("usr/lib/own.so", b"own"), ("etc/.wh.gone", b""), ("usr/bin/dash", b"dash")),
    )
    assert (root / "usr/lib/libc.so").read_bytes() == b"new"
    assert (root / "lib/own.so").read_bytes() == b"own"
    assert (root / "bin/sh").read_bytes() == b"dash"
    assert not (root / "etc/gone").exists()
    assert all(path.resolve().is_relative_to(root) for path in root.rglob("*"))


@pytest.mark.parametrize("target", ["/etc", "../../../../../../../../etc", "/../../etc"])
def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path, target: str) -> None:
    root = unpacked(tmp_path, (("out", target), ("out/passwd", b"evil")))
    assert (root / "etc/passwd").read_bytes() == b"evil"
    assert (root / "out").resolve() == root / "etc"


@pytest.mark.parametrize("members", [[("../x", b"")], [("a", "b"), ("b", "a"), ("a/x", b"")]])
def test_hostile_layers(tmp_path: Path, members: list[tuple[str, bytes | str]]) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, tuple(members))


def digests(tmp_path: Path, wanted: tuple[str, ...], *layers: tuple[tuple[str, bytes | str], ...]) -> dict[str, str]:
    """Which of the layers' contents lies where."""
    paths = [layer(tmp_path / f"{number}.tar.gz", *members) for number, members in enumerate(layers)]
    contents = {
        hashlib.sha256(content).hexdigest(): content.decode()
        for members in layers
        for _name, content in members
        if isinstance(content, bytes)
    }
    (tmp_path / "scratch").mkdir()
    return {path: contents[sha256] for path, sha256 in file_digests(paths, wanted, tmp_path / "scratch").items()}


def test_files_are_found_where_links_and_layers_put_them(tmp_path: Path) -> None:
    found = digests(
        tmp_path,
        ("usr/lib/app/app", "lib/app/app", "usr/bin/app", "usr/lib/gone", "usr/lib/none", "usr/bin/link"),
        (("lib", "usr/lib"), ("usr/lib/app/app", b"old"), ("usr/lib/gone", b"gone"), ("usr/bin/app", b"lower")),
        (("lib/app/app", b"new"), ("usr/lib/.wh.gone", b""), ("./usr/bin/app", b"upper"), ("usr/bin/link", "app")),
    )
    assert found == {"usr/lib/app/app": "new", "lib/app/app": "new", "usr/bin/app": "upper"}
