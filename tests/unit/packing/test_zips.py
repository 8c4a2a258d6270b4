"""Zips: equal bytes for equal trees, and nothing that a hostile one can do."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ArchiveError, PackageError
from pipeline.packing.zips import (
    EARLIEST_ZIP_TIME_S,
    ZipLimits,
    ZipMember,
    deflate_flavour,
    extract_zip,
    list_zip,
    write_zip,
)
from tests.unit.v8.blobs import noise

WORDS = b"".join(noise(i, 12) for i in range(40))


def text(size: int) -> bytes:
    return bytes(WORDS[(i * i) % len(WORDS)] for i in range(size))


def members(root: Path) -> list[ZipMember]:
    contents = {
        "program": text(2_500_001),
        "lib/libx.so.1": noise(1, 1024 * 1024),
        "lib/empty": b"",
        "licenses/ü/copyright": b"free",
    }
    found = []
    for number, (name, content) in enumerate(contents.items()):
        path = root / f"source-{number}"
        path.write_bytes(content)
        found.append(ZipMember(name=name, source=path, mode=0o755 if name == "program" else 0o644))
    return found


def test_the_standard_library_reads_what_was_written(tmp_path: Path) -> None:
    wanted = members(tmp_path)
    write_zip(tmp_path / "out.zip", wanted, epoch_s=1_700_000_001)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        assert [info.filename for info in infos] == sorted(member.name for member in wanted)
        for member in wanted:
            info = archive.getinfo(member.name)
            assert archive.read(info) == member.source.read_bytes()
            assert info.external_attr >> 16 == stat.S_IFREG | member.mode
            assert (info.date_time, info.extra, info.comment) == ((2023, 11, 14, 22, 13, 20), b"", b"")
        assert archive.getinfo("program").compress_size < 2_000_000


def test_bytes_depend_on_content_only(tmp_path: Path) -> None:
    wanted = members(tmp_path)
    write_zip(tmp_path / "a.zip", wanted, epoch_s=0, jobs=1)
    for member in wanted:
        os.utime(member.source, (time.time() - 9999, time.time() - 9999))
    write_zip(tmp_path / "b.zip", reversed(wanted), epoch_s=EARLIEST_ZIP_TIME_S, jobs=4)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert deflate_flavour().startswith("zlib ")


@pytest.mark.parametrize(("epoch_s", "year"), [(0, 1980), (2**40, 2107), (1_700_000_000, 2023)])
def test_times_are_kept_within_what_a_zip_can_hold(tmp_path: Path, epoch_s: int, year: int) -> None:
    write_zip(tmp_path / "a.zip", members(tmp_path)[2:3], epoch_s=epoch_s)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.infolist()[0].date_time[0] == year


def test_extraction_gives_back_content_and_modes(tmp_path: Path) -> None:
    wanted = members(tmp_path)
    write_zip(tmp_path / "a.zip", wanted, epoch_s=0)
    written = extract_zip(tmp_path / "a.zip", tmp_path / "out")
    assert {path.relative_to(tmp_path / "out").as_posix() for path in written} == {m.name for m in wanted}
    for member in wanted:
        path = tmp_path / "out" / member.name
        assert path.read_bytes() == member.source.read_bytes()
        assert path.stat().st_mode & 0o777 == member.mode


def test_two_files_of_one_name(tmp_path: Path) -> None:
    wanted = members(tmp_path)
    with pytest.raises(PackageError, match="two files have the same name inside it"):
        write_zip(tmp_path / "a.zip", [wanted[0], wanted[0]], epoch_s=0)
    assert not (tmp_path / "a.zip").exists()


def test_nothing_is_left_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    wanted = members(tmp_path)
    wanted[2].source.unlink()
    with pytest.raises(FileNotFoundError):
        write_zip(tmp_path / "out" / "a.zip", wanted, epoch_s=0)
    assert list((tmp_path / "out").iterdir()) == []


def handmade(path: Path, *entries: tuple[str, bytes], mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"])
def test_paths_that_lead_outside(tmp_path: Path, name: str) -> None:
    path = handmade(tmp_path / "a.zip", ("fine", b""), (name, b"evil"))
    with pytest.raises(ArchiveError) as caught:
        extract_zip(path, tmp_path / "out")
    assert str(caught.value) == (
        f"error: {path} is not a zip that can be unpacked safely: member {name!r}: "
        "its path leads out of the directory\n"
        "  usual cause: the file is cut, damaged, or was made to do harm\n"
        "  what to do:  get or build it again; do not unpack it by hand"
    )
    assert not (tmp_path / "out").exists()


def refuse(path: Path, reason: str, limits: ZipLimits | None = None) -> None:
    with pytest.raises(ArchiveError, match=reason):
        list_zip(path, limits)


def test_links_are_refused(tmp_path: Path) -> None:
    refuse(handmade(tmp_path / "a.zip", ("link", b"/etc"), mode=0o120777), "neither a file nor a directory")


def test_limits(tmp_path: Path) -> None:
    path = handmade(tmp_path / "a.zip", ("a", bytes(100)), ("b", bytes(3_000_000)))
    assert list_zip(path) == ("a", "b")
    refuse(path, "has 2 members, 1 are allowed", ZipLimits(members=1))
    refuse(path, "unpacks to 3000100 bytes, 1000 are allowed", ZipLimits(total_bytes=1000))
    refuse(path, "'b': it unpacks to 3000000 bytes from", ZipLimits(ratio=500))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_and_overlaps(tmp_path: Path) -> None:
    refuse(handmade(tmp_path / "a.zip", ("a", b"1"), ("a", b"2")), "its name occurs twice")
    path = handmade(tmp_path / "b.zip", ("a", noise(1, 500)), ("b", noise(2, 500)))
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\1\2")
    struct.pack_into("<I", content, second + 42, 0)
    path.write_bytes(content)
    refuse(path, "it overlaps another member")


def test_sizes_that_lie(tmp_path: Path) -> None:
    path = handmade(tmp_path / "a.zip", ("a", bytes(5_000_000)))
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"PK\1\2") + 24, 10)
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="Bad CRC-32"):
        extract_zip(path, tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_size <= 10


def test_not_a_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 and no more")
    refuse(tmp_path / "a.zip", "File is not a zip file")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage_never_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lib/a", noise(1, 200))
        archive.writestr("b", bytes(1000))
    content = bytearray(buffer.getvalue())
    for place, value in changes:
        content[place % len(content)] = value
    root = tmp_path_factory.mktemp("zip")
    (root / "a.zip").write_bytes(content)
    try:
        written = extract_zip(root / "a.zip", root / "out")
    except ArchiveError:
        return
    assert all(path.resolve().is_relative_to(root / "out") for path in written)
