"""Prebuilds in a release: the index of its products, and what `prebuild` packed, read back byte for byte."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import IntegrityError, PipelineError, ReleaseError
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildFile, PrebuildKind, Probe
from pipeline.model.prebuilds.released import ReleasedPrebuilds
from pipeline.packing.compression import Packing
from pipeline.packing.zips import EARLIEST_ZIP_TIME_S, ZipMember, deflate_flavour, write_zip
from pipeline.prebuilding.layout import Collected, read_manifest
from pipeline.releasing.builds import find_builds
from pipeline.sources.npm import Npm
from pipeline.stages.prebuilds import pack_prebuilds
from pipeline.stages.releases import assemble, include_prebuilds
from tests.unit.prebuilding.prebuilds import collected
from tests.unit.releasing.finished import Sketch, content, write_build

VERSION = Probe(args=("--version",))


def context(tmp_path: Path) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={})


def packed(tmp_path: Path, part: Collected, name: str) -> Path:
    """Pack as `prebuild` does, without packages for npm."""
    inputs = pack_prebuilds.PackInputs(
        collected=part,
        out_dir=tmp_path / "prebuilds" / name,
        epoch_s=EARLIEST_ZIP_TIME_S,
        npm=Npm(node=Path("/nowhere"), cli=Path("/nowhere")),
    )
    return pack_prebuilds.run(inputs, context(tmp_path)).directory


def included(tmp_path: Path, *directories: Path) -> tuple[ReleasedPrebuilds, ...]:
    builds = find_builds([tmp_path / "dist"])
    (tmp_path / "release").mkdir()
    return include_prebuilds.run(
        include_prebuilds.PrebuildInputs(
            release_dir=tmp_path / "release",
            builds=builds,
            products=tuple(
                assemble.run(assemble.AssembleInputs(build=build, release_dir=tmp_path / "release"), context(tmp_path))
                for build in builds
            ),
            probes={"app": VERSION},
            prebuild_dirs=directories,
        ),
        context(tmp_path),
    )


def program(tmp_path: Path, data: bytes) -> Collected:
    """A program called like the product, built apart."""
    path = "prebuilds/linux-arm64/bin/app.glibc"
    (tmp_path / "app.glibc").write_bytes(data)
    file = PrebuildFile(path=path, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), executable=True)
    made = Prebuild(
        kind=PrebuildKind.EXECUTABLE, name="app", platform="linux", arch="arm64", libc=Libc.GLIBC, path=path,
        files=(file,), target="arm64",
    )  # fmt: skip
    return Collected(name="tools", version="2.0.0", prebuilds=(made,), files={path: tmp_path / "app.glibc"})


def test_products_have_an_index_with_zip_and_tar(tmp_path: Path) -> None:
    for target in ("arm64", "armhf"):
        write_build(tmp_path / "dist", Sketch(target=target))
    (entry,) = included(tmp_path)
    assert [asset.name for asset in entry.assets] == ["app-1.0.0.prebuilds.json"]
    index = read_manifest(tmp_path / "release/app-1.0.0.prebuilds.json")
    assert index.prebuilds == entry.prebuilds
    assert [(prebuild.target, prebuild.probe) for prebuild in index.prebuilds] == [
        ("arm64", VERSION),
        ("armhf", VERSION),
    ]
    for archive in index.prebuilds[0].archives:
        path = tmp_path / "release" / archive.name
        assert (archive.size_bytes, archive.sha256) == (
            path.stat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        assert archive.prefix == "prebuilds/linux-arm64/bin/"
    tar, zipped = index.prebuilds[0].archives
    assert (tar.format.value, zipped.format.value, zipped.packing) == ("tar.zst", "zip", deflate_flavour())
    assert tar.packing == f"{Packing(level=19, threads=1).flavour}"


def test_packed_addons_come_along_with_their_flavours(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    packed(tmp_path, collected(tmp_path, arm64="musl", x64="glibc"), "bcrypt-6.0.0")
    _own, entry = included(tmp_path, tmp_path / "prebuilds")
    assert (entry.name, entry.version, len(entry.prebuilds)) == ("bcrypt", "6.0.0", 2)
    assert [(asset.name, asset.kind.value, asset.packing) for asset in entry.assets] == [
        ("bcrypt-6.0.0.prebuilds.json", "prebuild-index", None),
        ("bcrypt-6.0.0-linux-arm64-musl.tar.zst", "prebuild", Packing().flavour),
        ("bcrypt-6.0.0-linux-arm64-musl.zip", "prebuild", deflate_flavour()),
        ("bcrypt-6.0.0-linux-x64-glibc.tar.zst", "prebuild", Packing().flavour),
        ("bcrypt-6.0.0-linux-x64-glibc.zip", "prebuild", deflate_flavour()),
    ]
    for asset in entry.assets:
        data = (tmp_path / "release" / asset.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (asset.size_bytes, asset.sha256)


def test_a_single_directory_is_enough(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    directory = packed(tmp_path, collected(tmp_path, arm64="musl"), "bcrypt-6.0.0")
    assert [entry.name for entry in included(tmp_path, directory)] == ["app", "bcrypt"]


def test_a_program_is_the_product_s_or_refused(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    same = packed(tmp_path, program(tmp_path, content(Sketch(), "app")), "tools-2.0.0")
    assert [entry.name for entry in included(tmp_path, same)] == ["app", "tools"]


def test_a_program_of_another_build(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    other = packed(tmp_path, program(tmp_path, content(Sketch(seed=2), "app")), "tools-2.0.0")
    with pytest.raises(IntegrityError) as caught:
        included(tmp_path, other)
    assert str(caught.value) == (
        "error: prebuilds/linux-arm64/bin/app.glibc is not the app for arm64 that the release has\n"
        "  usual cause: the prebuild is of another build\n"
        "  what to do:  make both from one build"
    )


def test_no_prebuilds(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReleaseError) as caught:
        included(tmp_path, tmp_path / "empty")
    assert str(caught.value) == (
        f"error: there are no prebuilds in {tmp_path}/empty\n"
        "  usual cause: nothing was packed yet, or the directory is another one\n"
        "  what to do:  give a directory that `prebuild` wrote, such as dist/prebuilds"
    )


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    part = dataclasses.replace(program(tmp_path, content(Sketch(), "app")), name="app", version="1.0.0")
    directory = packed(tmp_path, part, "app-1.0.0")
    with pytest.raises(ReleaseError) as caught:
        included(tmp_path, directory)
    assert str(caught.value) == (
        f"error: {directory}/app-1.0.0.prebuilds.json has the name of another file of this release\n"
        "  usual cause: the same prebuilds were named twice, or a project is called like a product of the release\n"
        "  what to do:  name each directory once with --prebuilds, or give the recipe another name"
    )


def changed_zip(directory: Path) -> None:
    """Another zip, of which the index knows: only its content is wrong."""
    index = next(directory.glob("*.prebuilds.json"))
    described = json.loads(index.read_text())
    (entry,) = described["prebuilds"]
    packed_zip = next(item for item in entry["archives"] if item["format"] == "zip")
    path = directory / packed_zip["name"]
    (directory / ".other").write_bytes(b"other")
    write_zip(path, [ZipMember(name=entry["path"], source=directory / ".other", mode=0o644)], epoch_s=0)
    data = path.read_bytes()
    packed_zip |= {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    index.write_text(json.dumps(described))


def cut(directory: Path) -> None:
    path = next(directory.glob("*.zip"))
    path.write_bytes(path.read_bytes()[:-1])


def removed(directory: Path) -> None:
    next(directory.glob("*.zip")).unlink()


def elsewhere(directory: Path) -> None:
    index = next(directory.glob("*.prebuilds.json"))
    described = json.loads(index.read_text())
    for item in described["prebuilds"][0]["archives"]:
        if item["format"] == "zip":
            item["url"] = "https://example.org/x.zip"
    index.write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (changed_zip, "it does not hold the right prebuilds/linux-arm64/bcrypt.musl.node"),
        (cut, "it is another file"),
        (removed, "it is missing"),
        (elsewhere, "it lies elsewhere"),
    ],
)
def test_archives_that_are_not_what_the_index_says(tmp_path: Path, harm: object, why: str) -> None:
    write_build(tmp_path / "dist")
    directory = packed(tmp_path, collected(tmp_path, arm64="musl"), "bcrypt-6.0.0")
    assert callable(harm)
    harm(directory)
    with pytest.raises(IntegrityError) as caught:
        included(tmp_path, directory)
    assert str(caught.value) == (
        f"error: {directory}/bcrypt-6.0.0-linux-arm64-musl.zip is not what bcrypt-6.0.0.prebuilds.json says: {why}\n"
        "  usual cause: it was changed, cut off or left out on the way from the machine that packed it\n"
        "  what to do:  transfer the directory again, or pack it again with `prebuild`"
    )


def test_a_product_that_cannot_be_indexed_stays_a_product(tmp_path: Path) -> None:
    write_build(tmp_path / "dist", Sketch(files=("one", "two")))
    assert included(tmp_path) == ()
    with zipfile.ZipFile(tmp_path / "release/app-1.0.0-linux-arm64.zip") as archive:
        assert sorted(archive.namelist()) == ["one", "two"]


def test_an_index_that_is_none(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/x.prebuilds.json").write_text("{}")
    with pytest.raises(PipelineError, match="is no manifest of prebuilds"):
        included(tmp_path, tmp_path / "bad")
