"""Roots from a file: what release they are of."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

from pipeline.context import Context
from pipeline.model.distribution import Release
from pipeline.model.events import NullReporter
from pipeline.rootfs.given import fits, given_digest, release_of, unpack_given

BOOKWORM = Release(version_id="12", codename="bookworm", gcc=12)


def test_the_release_of_a_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/lib").mkdir(parents=True)
    assert release_of(tmp_path) is None
    (tmp_path / "usr/lib/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    # A link may lead out of the root.
    (tmp_path / "etc/os-release").symlink_to("/nowhere")
    assert (release_of(tmp_path), fits(tmp_path, BOOKWORM)) == ("bookworm", True)
    (tmp_path / "etc/os-release").unlink()
    (tmp_path / "etc/os-release").write_text('ID=alpine\nVERSION_ID="3.20"\n')
    assert (release_of(tmp_path), fits(tmp_path, BOOKWORM)) == (None, False)
    (tmp_path / "etc/os-release").write_text("VERSION_CODENAME='a b'\n")
    assert release_of(tmp_path) is None


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"1")
    assert given_digest(tmp_path / "a") == given_digest(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"2")
    assert given_digest(tmp_path / "a") != given_digest(tmp_path / "b")


def test_what_a_small_distribution_lacks_is_made(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        link = tarfile.TarInfo("tmp")
        link.type, link.linkname = tarfile.SYMTYPE, "/var/tmp"
        archive.addfile(link)
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})
    unpack_given(tmp_path / "root.tar", tmp_path / "rootfs", context)
    assert {path.name for path in (tmp_path / "rootfs").iterdir()} == {"root", "tmp", "dev", "proc", "sys"}
    assert (tmp_path / "rootfs/tmp").is_symlink()
    assert stat.S_IMODE((tmp_path / "rootfs/root").stat().st_mode) == 0o700
