"""Roots from a file: what release they are of."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.distribution import Release
from pipeline.rootfs.given import fits, given_digest, release_of

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
