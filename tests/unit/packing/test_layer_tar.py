"""Layers as builders of images write them."""

from __future__ import annotations

import tarfile
from pathlib import Path

from pipeline.packing.layer_tar import write_layer
from pipeline.packing.tarball import TarMember


def test_the_bytes_of_gos_writer(tmp_path: Path) -> None:
    """What BuildKit writes for a directory with an owner, field by field (Go's archive/tar/format.go)."""
    path = tmp_path / "layer.tar"
    write_layer(path, [TarMember(name="home/", content=None, mode=0o755, owner_id=10001)], mtime_s=315532800)
    fields = (
        b"home/".ljust(100, b"\0"), b"0000755\0", b"0023421\0", b"0023421\0", b"00000000000\0", b"02263523000\0",
        b"010214\0 ", b"5", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0", b"0000000\0", bytes(167),
    )  # fmt: skip
    assert path.read_bytes() == b"".join(fields) + bytes(1024)


def test_files_and_links_can_be_read_back(tmp_path: Path) -> None:
    (tmp_path / "app").write_bytes(b"x" * 1000)
    members = [
        TarMember(name="usr/", content=None, mode=0o755),
        TarMember(name="usr/app", content=tmp_path / "app", mode=0o755),
        TarMember(name="usr/link", content=None, mode=0o777, link_to="app"),
        TarMember(name=f"usr/{'n' * 150}", content=b"long"),
    ]
    for name in ("layer.tar", "layer.tar.gz"):
        write_layer(tmp_path / name, members, mtime_s=7)
        with tarfile.open(tmp_path / name) as archive:
            found = {info.name: (info.mode, info.mtime, info.size, info.linkname) for info in archive}
        assert found == {
            "usr": (0o755, 7, 0, ""), "usr/app": (0o755, 7, 1000, ""), "usr/link": (0o777, 7, 0, "app"),
            f"usr/{'n' * 150}": (0o644, 7, 4, ""),
        }  # fmt: skip
