"""The index of finished builds, which are real in every byte."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, PrebuildError, ReleaseError
from pipeline.fs import sha256_file
from pipeline.model.prebuilds.manifest import Probe
from pipeline.prebuilding.layout import read_manifest
from pipeline.stages.prebuilds import index_builds
from tests.unit.releasing.finished import Sketch, write_build


def made(dist: Path, **probes: Probe) -> tuple[Path, ...]:
    return index_builds.run(index_builds.IndexInputs(dist_dir=dist, probes=probes))


def test_all_targets_of_a_version_are_in_one_index(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    for target in ("arm64", "armhf"):
        write_build(dist, Sketch(target=target))
    write_build(dist, Sketch(name="other", version="2.0.0", files=("other",)))
    paths = made(dist, app=Probe(args=("--version",)))
    assert [path.name for path in paths] == ["app-1.0.0.prebuilds.json", "other-2.0.0.prebuilds.json"]
    arm64, armhf = read_manifest(paths[0]).prebuilds
    assert (arm64.arch, arm64.arm_version, armhf.arch, armhf.arm_version) == ("arm64", None, "arm", 7)
    assert arm64.probe == Probe(args=("--version",))
    (other,) = read_manifest(paths[1]).prebuilds
    assert other.probe is None


def test_files_are_where_the_prefix_says(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    write_build(dist)
    (prebuild,) = read_manifest(*made(dist)).prebuilds
    (archive,) = prebuild.archives
    assert prebuild.path == "prebuilds/linux-arm64/bin/app"
    with zipfile.ZipFile(dist / archive.name) as packed:
        assert {archive.prefix + name for name in packed.namelist()} == {file.path for file in prebuild.files}
    assert archive.sha256 == sha256_file(dist / archive.name)
    assert [file.executable for file in prebuild.files] == [True, False]
    assert prebuild.snapshots[0].sha256 == "a" * 64


def test_a_program_that_is_called_otherwise(tmp_path: Path) -> None:
    write_build(tmp_path / "dist", Sketch(files=("tool", "lib/libz.so.1")))
    (prebuild,) = read_manifest(*made(tmp_path / "dist")).prebuilds
    assert prebuild.path.endswith("/bin/tool")


def test_several_programs_of_other_names(tmp_path: Path) -> None:
    write_build(tmp_path / "dist", Sketch(files=("one", "two")))
    with pytest.raises(PrebuildError) as caught:
        made(tmp_path / "dist")
    assert str(caught.value) == (
        "error: app-1.0.0-linux-arm64.zip has 2 programs, and none is called 'app'\n"
        "  usual cause: a companion without a zip of its own, or a binary with another name\n"
        "  what to do:  give companions an `asset-name` in releases.toml, and build again"
    )


def test_a_zip_that_was_changed(tmp_path: Path) -> None:
    write_build(tmp_path / "dist")
    with (tmp_path / "dist/app-1.0.0-linux-arm64.zip").open("ab") as out:
        out.write(b"x")
    with pytest.raises(IntegrityError):
        made(tmp_path / "dist")
    assert not list((tmp_path / "dist").glob("*.prebuilds.json"))


def test_no_builds(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError):
        made(tmp_path)
