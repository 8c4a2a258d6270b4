"""No input makes a reader of the verifier crash, hang, or take memory without limit."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ArchiveError
from pipeline.packing.tarball import TarLimits, spill_tar
from pipeline.packing.zips import ZipLimits, spill_zip
from pipeline.v8.blob import MAX_BLOB_BYTES
from pipeline.v8.checksum import ChecksumKind
from pipeline.v8.scan import MAX_CANDIDATES, find_blobs
from tests.fuzz.readers import READERS, blob, codes
from tests.fuzz.seeds import seeds
from tests.unit.v8.blobs import BlobSpec, code_objects
from tests.unit.v8.blobs import blob as made_blob

SEEDS = tuple(seeds())
EXTREMES = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
MIB = 1 << 20

mutations = st.lists(
    st.tuples(st.sampled_from(["byte", "word", "cut", "repeat", "drop"]), st.floats(0, 1), st.sampled_from(EXTREMES)),
    min_size=1,
    max_size=5,
)


def mutated(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    data = bytearray(content)
    for kind, where, value in changes:
        place = int(where * max(len(data) - 8, 0))
        if kind == "byte" and data:
            data[place] = value & 0xFF
        elif kind == "word":
            data[place : place + 4] = struct.pack("<I", value)
        elif kind == "cut":
            del data[place:]
        elif kind == "repeat":
            data[place:place] = data[place : place + 4096]
        else:
            del data[place : place + (value & 0xFF)]
    return bytes(data)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SEEDS), mutations)
def test_whatever_is_done_to_an_input_it_is_read_or_refused(
    seed: tuple[str, bytes], changes: list[tuple[str, float, int]]
) -> None:
    reader, content = seed
    READERS[reader](mutated(content, changes))


def test_the_inputs_themselves_are_read() -> None:
    for reader, content in SEEDS:
        READERS[reader](content)


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def everything(_name: str, _size: int, _head: bytes) -> bool:
    return True


def bomb(size: int, claimed: int | None = None) -> bytes:
    info = tarfile.TarInfo("zeros")
    info.size = size if claimed is None else claimed
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(size)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_small_file_that_unpacks_to_much_takes_no_memory(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "bomb.tar"
    path.write_bytes(pack(bomb(64 * MIB) + bytes(1024)))
    assert path.stat().st_size < MIB
    assert peak_bytes(lambda: spill_tar(path, tmp_path, lambda *_: False)) < 40 * MIB


def test_more_than_is_allowed_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bomb(MIB, claimed=1 << 40)))
    with pytest.raises(ArchiveError, match="it unpacks to more than 8589934592 bytes"):
        spill_tar(path, tmp_path, everything)
    path.write_bytes(gzip.compress(bomb(2 * MIB)))
    with pytest.raises(ArchiveError, match="it unpacks to more than 1048576 bytes"):
        spill_tar(path, tmp_path, everything, TarLimits(total_bytes=MIB))
    with pytest.raises(ArchiveError, match="there are more than 0 members"):
        spill_tar(path, tmp_path, everything, TarLimits(members=0))


def test_a_zip_that_lies_about_sizes(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50 * MIB))
    honest = packed.getvalue()
    path = tmp_path / "bomb.zip"
    path.write_bytes(honest)
    with pytest.raises(ArchiveError, match="it unpacks to 52428800 bytes, 1048576 are allowed"):
        spill_zip(path, tmp_path, everything, ZipLimits(total_bytes=MIB))
    path.write_bytes(honest.replace(struct.pack("<I", 50 * MIB), struct.pack("<I", 1000)))
    with pytest.raises(ArchiveError, match="zeros"):
        spill_zip(path, tmp_path, everything)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < MIB


def test_a_file_full_of_versions_is_refused_in_time() -> None:
    data = b"10.2.154.26\0\0\0\0\0\0\0\0" * (MAX_CANDIDATES + 2)
    started = time.process_time()
    with pytest.raises(ArchiveError, match="more than 100000 strings that look like the version of a V8 snapshot"):
        find_blobs(data)
    assert time.process_time() - started < 10


def test_a_section_that_reaches_to_the_end_is_bounded() -> None:
    data = bytearray(made_blob(BlobSpec(kind=ChecksumKind.FLETCHER32))) + bytes(MAX_BLOB_BYTES + MIB)
    last = data.rindex(struct.pack("<I", BlobSpec().magic))
    struct.pack_into("<I", data, last + 4, len(data))
    (found,) = find_blobs(bytes(data))
    assert found.size_bytes <= MAX_BLOB_BYTES
    assert found.problems


def test_a_section_that_is_nothing_but_beginnings_of_code() -> None:
    started = time.process_time()
    codes(b"\0\0\0\0\xff\xff\xff\xff" * MIB)
    blob(b"/home/a/" * MIB + code_objects(range(4, 8000, 4), gap=0))
    assert time.process_time() - started < 20
