"""Root file systems in tar files: what is unpacked, and what is refused."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from pipeline.errors import ArchiveError
from pipeline.packing.root_tar import extract_root
from pipeline.packing.tarball import TarLimits


def member(name: str, content: bytes | None = None, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content or b"")
    info.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content or b""


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=to)


def packed(
    path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: Literal["w", "w:gz", "w:xz"] = "w:gz"
) -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ["w", "w:gz", "w:xz"])
def test_a_root(tmp_path: Path, ending: Literal["w", "w:gz", "w:xz"]) -> None:
    archive = packed(
        tmp_path / "root.tar",
        [
            member("./"),
            member("usr/bin", mode=0o555),
            member("usr/bin/su", b"#!", mode=0o4755, uid=0),
            link("bin", "/usr/bin"),
            link("usr/bin/sudo", "./usr/bin/su", tarfile.LNKTYPE),
            member("dev/null", b"", type=tarfile.CHRTYPE),
            member("/etc/hostname", b"here\n", mode=0o400),
        ],
        ending,
    )
    root = tmp_path / "root"
    root.mkdir()
    extract_root(archive, root)
    assert (root / "bin").readlink() == Path("/usr/bin")
    assert stat.S_IMODE((root / "usr/bin").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "usr/bin/su").stat().st_mode) == 0o755
    assert (root / "usr/bin/sudo").samefile(root / "usr/bin/su")
    assert (root / "etc/hostname").read_bytes() == b"here\n"
    assert not (root / "dev/null").exists()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("../x", b"")], "member '../x': its path leads out of the directory"),
        ([link("a", "/etc"), member("a/passwd", b"")], "member 'a/passwd': it lies behind a link"),
        ([link("a", "/etc"), member("a")], "member 'a': a link stands in its place"),
        ([link("a", "/etc/passwd"), link("b", "a", tarfile.LNKTYPE)],
         "member 'b': what it is a second name of is not there"),
        ([link("b", "/../../etc/passwd", tarfile.LNKTYPE)],
         "member '/../../etc/passwd': its path leads out of the directory"),
        ([member("a", b"1"), member("a", b"2")], "the name a occurs twice"),
        ([member("a", b"123"), member("b", b"45")], "member 'b': it unpacks to more than 4 bytes"),
        ([member("a"), member("b"), member("c"), member("d")], "member 'd': there are more than 3 members"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], why: str) -> None:
    archive = packed(tmp_path / "root.tar.gz", members)
    (tmp_path / "root").mkdir()
    with pytest.raises(ArchiveError) as caught:
        extract_root(archive, tmp_path / "root", TarLimits(members=3, total_bytes=4))
    assert caught.value.what == f"{archive} is not an archive that can be unpacked safely: {why}"
