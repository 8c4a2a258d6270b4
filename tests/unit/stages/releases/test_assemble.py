"""One product of a release, made from small builds that are real in every byte."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from pipeline import record
from pipeline.context import Context
from pipeline.errors import IntegrityError
from pipeline.model.events import NullReporter
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import Product
from pipeline.packing.zips import EARLIEST_ZIP_TIME_S
from pipeline.releasing.builds import find_builds
from pipeline.stages.releases import assemble
from tests.unit.releasing.finished import Sketch, content, write_build


def context(tmp_path: Path, jobs: int | None = None) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={}, jobs=jobs)


def assembled(tmp_path: Path, out: str = "release", *, jobs: int | None = None) -> Product:
    (build,) = find_builds([tmp_path / "dist"])
    (tmp_path / out).mkdir()
    inputs = assemble.AssembleInputs(build=build, release_dir=tmp_path / out)
    return assemble.run(inputs, context(tmp_path, jobs))


def test_every_file_of_a_product(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    product = assembled(tmp_path)
    assert {asset.name: asset.kind.value for asset in product.assets} == {
        "app-1.0.0-linux-arm64.zip": "zip",
        "app-1.0.0-linux-arm64.tar.zst": "tar",
        "app-1.0.0-linux-arm64.build-info.json": "build-info",
        "app-1.0.0-linux-arm64.report.html": "report",
        "app-1.0.0-linux-arm64.cdx.json": "cyclonedx",
        "app-1.0.0-linux-arm64.spdx.json": "spdx",
    }
    assert sorted(asset.name for asset in product.assets) == sorted(p.name for p in (tmp_path / "release").iterdir())
    assert (product.oci_platform, product.libc, product.libc_floor) == ("linux/arm64", "glibc", "2.31")
    assert (product.vm_crate_version, product.v8_version) == ("137.2.1", "13.7.152.14")
    assert [(item.package, item.sha256) for item in product.snapshots] == [("snap", "a" * 64)]


def test_zip_and_tar_hold_the_same_files_with_the_same_modes_and_times(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    assembled(tmp_path)
    stem = tmp_path / "release" / "app-1.0.0-linux-arm64"
    with (
        zstandard.ZstdDecompressor().stream_reader(Path(f"{stem}.tar.zst").read_bytes()) as raw,
        tarfile.open(fileobj=raw, mode="r|") as archive,
    ):
        found = {}
        for info in archive:
            stream = archive.extractfile(info)
            assert stream is not None
            found[info.name] = stream.read()
            assert (info.mode, info.mtime, info.uid, info.gid) == (0o755, EARLIEST_ZIP_TIME_S, 0, 0)
    with zipfile.ZipFile(f"{stem}.zip") as archive_zip:
        assert {name: archive_zip.read(name) for name in archive_zip.namelist()} == found
    assert found == {name: content(Sketch(), name) for name in ("app", "lib/libz.so.1")}


def test_equal_builds_give_equal_files_however_many_threads_there_are(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    assert assembled(tmp_path, "one", jobs=1) == assembled(tmp_path, "three", jobs=3)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "three" / path.name).read_bytes()


def test_the_flavours_are_told(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist")
    packing = {asset.kind: asset.packing for asset in assembled(tmp_path).assets if asset.packing}
    assert packing[AssetKind.ZIP] == record.read(path).subject.deflate
    assert packing[AssetKind.TAR].startswith("zstd ")
    assert packing[AssetKind.TAR].endswith(", level 19, in jobs")


def test_bills_of_materials_are_of_this_build(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    assembled(tmp_path)
    bom = json.loads((tmp_path / "release" / "app-1.0.0-linux-arm64.cdx.json").read_text())
    assert bom["metadata"]["component"]["purl"] == "pkg:generic/app@1.0.0"
    assert bom["metadata"]["timestamp"] == "1980-01-01T00:00:00+00:00"


def test_a_zip_that_does_not_hold_what_its_record_says(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist")
    files = record.read(path).subject.files
    swapped = (files[0].model_copy(update={"sha256": "0" * 64}), *files[1:])
    write_build(tmp_path / "dist", Sketch(changed={"files": swapped}))
    with pytest.raises(IntegrityError) as caught:
        assembled(tmp_path)
    assert str(caught.value) == (
        "error: app-1.0.0-linux-arm64.zip does not hold what its record says: app\n"
        "  usual cause: the record is of another build, or something changed the files while they were packed\n"
        "  what to do:  build again into an empty directory"
    )
