"""Tar files: equal bytes for equal trees, and nothing hostile gets out of one."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from pipeline.errors import ArchiveError
from pipeline.packing.compression import Packing
from pipeline.packing.tarball import TarLimits, TarMember, extract_tar, unpack_zstd, write_tar


def members(directory: Path) -> list[TarMember]:
    (directory / "file").write_bytes(b"on disk" * 1000)
    return [
        TarMember(name="empty", content=None, mode=0o755),
        TarMember(name="a/file", content=directory / "file"),
        TarMember(name="a/run", content=b"#!/bin/sh\n", mode=0o755),
    ]


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.zst"])
def test_what_was_packed_comes_out(tmp_path: Path, name: str) -> None:
    archive, out = tmp_path / name, tmp_path / "out"
    out.mkdir()
    write_tar(archive, members(tmp_path))
    extract_tar(archive, out)
    assert (out / "empty").is_dir()
    assert (out / "a/file").read_bytes() == b"on disk" * 1000
    assert [(out / "a" / name).stat().st_mode & 0o777 for name in ("file", "run")] == [0o644, 0o755]


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.zst"])
def test_equal_trees_give_equal_bytes(tmp_path: Path, name: str) -> None:
    write_tar(tmp_path / name, members(tmp_path))
    (tmp_path / "file").touch()
    write_tar(tmp_path / f"again-{name}", members(tmp_path))
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar.zst"])
def test_any_cut_is_noticed(tmp_path: Path, name: str) -> None:
    write_tar(tmp_path / name, members(tmp_path))
    whole = (tmp_path / name).read_bytes()
    for length in range(1, len(whole), 7):
        out = tmp_path / str(length)
        out.mkdir()
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            extract_tar(tmp_path / name, out)


def hostile(path: Path, *infos: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def info(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, size
    return found


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (info("../x"), "its path leads out of the directory"),
        (info("a/../../x"), "its path leads out of the directory"),
        (info("/etc/x"), "its path leads out of the directory"),
        (info("../d", tarfile.DIRTYPE), "its path leads out of the directory"),
        (info("link", tarfile.SYMTYPE, link="/etc"), "it is neither a file nor a directory"),
        (info("link", tarfile.LNKTYPE, link="a"), "it is neither a file nor a directory"),
        (info("null", tarfile.CHRTYPE), "it is neither a file nor a directory"),
        (info("disk", tarfile.BLKTYPE), "it is neither a file nor a directory"),
        (info("pipe", tarfile.FIFOTYPE), "it is neither a file nor a directory"),
    ],
)
def test_what_is_refused(tmp_path: Path, member: tarfile.TarInfo, why: str) -> None:
    archive, out = hostile(tmp_path / "x.tar", member), tmp_path / "out"
    out.mkdir()
    with pytest.raises(ArchiveError) as caught:
        extract_tar(archive, out)
    assert str(caught.value) == (
        f"error: {archive} is not an archive that can be unpacked safely: member {member.name!r}: {why}\n"
        "  usual cause: the file is cut, damaged, or was made to do harm\n"
        "  what to do:  get or make it again; do not unpack it by hand"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.tar"]
    assert list(out.iterdir()) == []


def test_a_name_that_occurs_twice(tmp_path: Path) -> None:
    archive = hostile(tmp_path / "x.tar", info("a"), info("a"))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match="the name a occurs twice"):
        extract_tar(archive, tmp_path / "out")


def test_limits(tmp_path: Path) -> None:
    archive = hostile(tmp_path / "x.tar", info("a", size=10), info("b", size=10))
    for limits, why in (
        (TarLimits(members=1), "there are more than 1 members"),
        (TarLimits(total_bytes=15), "it unpacks to more than 15 bytes"),
    ):
        out = tmp_path / str(limits.members)
        out.mkdir()
        with pytest.raises(ArchiveError, match=why):
            extract_tar(archive, out, limits)


def test_threads_and_time_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 4000)
    members = [TarMember(name="a", content=tmp_path / "a")]
    for threads in (1, 2, 3):
        packing = Packing(level=3, threads=threads)
        write_tar(tmp_path / f"{threads}.tar.zst", members, packing=packing, mtime_s=1700000000)
    assert len({(tmp_path / f"{threads}.tar.zst").read_bytes() for threads in (1, 2, 3)}) == 1
    unpack_zstd(tmp_path / "1.tar.zst", tmp_path / "1.tar", max_bytes=2_000_000)
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert [(info.name, info.mtime) for info in archive] == [("a", 1700000000)]


def test_the_flavour_tells_what_decides_about_the_bytes() -> None:
    version = ".".join(map(str, zstandard.ZSTD_VERSION))
    assert Packing().flavour == f"zstd {version}, level 10"
    assert Packing(level=19, threads=2).flavour == f"zstd {version}, level 19, in jobs"


def test_unpacking_stops_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.zst").write_bytes(zstandard.ZstdCompressor().compress(bytes(5_000_000)))
    with pytest.raises(ArchiveError, match="it unpacks to more than 1000000 bytes"):
        unpack_zstd(tmp_path / "a.zst", tmp_path / "a", max_bytes=1_000_000)
    (tmp_path / "cut.zst").write_bytes((tmp_path / "a.zst").read_bytes()[:-3])
    with pytest.raises(ArchiveError, match="it ends too early"):
        unpack_zstd(tmp_path / "cut.zst", tmp_path / "a", max_bytes=9_000_000)
    assert not (tmp_path / "a").exists()


def test_owners_and_links(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_tar(
        path,
        [
            TarMember(name="own", content=None, mode=0o1777, owner_id=7),
            TarMember(name="link", content=None, mode=0o777, link_to="../own"),
        ],
        mtime_s=5,
    )
    with tarfile.open(path) as archive:
        own, link = archive.getmembers()
    assert (own.isdir(), own.mode, own.uid, own.gid, own.mtime) == (True, 0o1777, 7, 7, 5)
    assert (link.issym(), link.linkname, link.uid, link.size) == (True, "../own", 0, 0)
