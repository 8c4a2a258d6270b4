"""Bundles: whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ArchiveError, IntegrityError
from pipeline.model.bundle import SUMS_FILE_NAME
from pipeline.packing.tarball import TarMember, extract_tar, write_tar
from pipeline.snapshots import bundles
from tests.unit.handoffs import request


def make(path: Path) -> Path:
    text = request().model_dump_json().encode()
    bundles.write_bundle(
        path, [TarMember(name="request.json", content=text), TarMember(name="b/x", content=b"1"),
               TarMember(name="a", content=None)],
    )  # fmt: skip
    return path


def repack(path: Path, directory: Path, change: dict[str, bytes | None]) -> Path:
    """Write the bundle anew with some files replaced, added or left out, and the old digests."""
    directory.mkdir()
    extract_tar(path, directory)
    for name, content in change.items():
        if content is None:
            (directory / name).unlink()
        else:
            (directory / name).write_bytes(content)
    names = sorted(file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file())
    write_tar(path, [TarMember(name=name, content=directory / name) for name in names])
    return path


def test_a_bundle_is_opened_and_gone_afterwards(tmp_path: Path) -> None:
    with bundles.opened(make(tmp_path / "x.tar.zst")) as (directory, found):
        assert found == request()
        assert (directory / "b" / "x").read_bytes() == b"1"
        assert (directory / SUMS_FILE_NAME).read_text().splitlines()[0].endswith("  b/x")
    assert not directory.exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"b/x": b"2"}, "b/x is not what its digest says"),
        ({"b/x": None}, "b/x is missing"),
        ({"b/y": b"1"}, "b/y is not in SHA256SUMS"),
    ],
)
def test_an_altered_bundle(tmp_path: Path, change: dict[str, bytes | None], why: str) -> None:
    path = repack(make(tmp_path / "x.tar.zst"), tmp_path / "unpacked", change)
    with pytest.raises(IntegrityError) as caught, bundles.opened(path):
        pass
    assert str(caught.value) == (
        f"error: x.tar.zst was altered: {why}\n"
        "  usual cause: the bundle was edited, or damaged on the way\n"
        "  what to do:  fetch it again, or make it again"
    )


def test_another_archive(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar.zst", [TarMember(name="a", content=b"1")])
    with pytest.raises(ArchiveError) as caught, bundles.opened(tmp_path / "x.tar.zst"):
        pass
    assert str(caught.value) == (
        "error: x.tar.zst is not a bundle: SHA256SUMS cannot be read\n"
        "  usual cause: it is another file, or another version of this program made it\n"
        "  what to do:  make it with `python -m pipeline generator` or `snapshot` of this version"
    )
