"""Packing: the name, the digest beside it, the same bytes again."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PackageError
from pipeline.model.events import NullReporter
from pipeline.stages.building import package
from pipeline.stages.building.package import PackageInputs, Packed, source_date_epoch_s


def pack(product_dir: Path, out_dir: Path, epoch_s: int = 315532800) -> Packed:
    context = Context(cache_dir=out_dir / "cache", reporter=NullReporter(), environ={})
    inputs = PackageInputs(
        product_dir=product_dir,
        zip_path=out_dir / "app-1.2.3-linux-arm64.zip",
        source_date_epoch_s=epoch_s,
    )
    return package.run(inputs, context)


@pytest.fixture
def product_dir(tmp_path: Path) -> Path:
    root = tmp_path / "product"
    (root / "lib").mkdir(parents=True)
    (root / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
    (root / "app").write_bytes(b"program" * 1000)
    (root / "app").chmod(0o700)
    (root / "lib/libx.so.1").write_bytes(b"library")
    (root / "lib/libx.so.1").chmod(0o600)
    return root


def test_the_zip_and_its_digest(product_dir: Path, tmp_path: Path) -> None:
    packed = pack(product_dir, tmp_path / "dist")
    assert packed.path == tmp_path / "dist" / "app-1.2.3-linux-arm64.zip"
    assert packed.members == ("app", "lib/libx.so.1")
    assert (packed.size_bytes, packed.sha256) == (packed.path.stat().st_size, fs.sha256_file(packed.path))
    # The form of sha256sum(1): digest, two spaces, name.
    assert packed.checksum_path.name == "app-1.2.3-linux-arm64.zip.sha256"
    assert packed.checksum_path.read_text() == f"{packed.sha256}  app-1.2.3-linux-arm64.zip\n"
    with zipfile.ZipFile(packed.path) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o7777 for info in archive.infolist()}
    assert modes == {"app": 0o755, "lib/libx.so.1": 0o644}


def test_times_and_umask_do_not_matter(product_dir: Path, tmp_path: Path) -> None:
    first = pack(product_dir, tmp_path / "one")
    (product_dir / "app").chmod(0o755)
    os.utime(product_dir / "app", (1, 1))
    assert pack(product_dir, tmp_path / "two").sha256 == first.sha256
    assert pack(product_dir, tmp_path / "three", epoch_s=1_700_000_000).sha256 != first.sha256


def test_links_cannot_be_packed(product_dir: Path, tmp_path: Path) -> None:
    (product_dir / "link").symlink_to("app")
    with pytest.raises(PackageError) as caught:
        pack(product_dir, tmp_path / "dist")
    assert str(caught.value) == (
        f"error: cannot pack {product_dir / 'link'}: it is neither a file nor a directory\n"
        "  usual cause: zips that hold links unpack differently from tool to tool\n"
        "  what to do:  put the file itself into the product"
    )


def test_nothing_to_pack(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackageError, match="there is nothing to pack in"):
        pack(tmp_path / "empty", tmp_path / "dist")


def test_source_date_epoch() -> None:
    assert source_date_epoch_s(None) == 315532800
    assert source_date_epoch_s("1700000000") == 1_700_000_000
    with pytest.raises(PackageError) as caught:
        source_date_epoch_s("yesterday")
    assert str(caught.value) == (
        "error: SOURCE_DATE_EPOCH is 'yesterday', which is not a number of seconds\n"
        "  usual cause: the variable holds a date in words, or something else\n"
        "  what to do:  set it to seconds since 1970, such as `git log -1 --format=%ct` prints, or unset it"
    )
