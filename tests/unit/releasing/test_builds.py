from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ArchiveError, IntegrityError, PipelineError, ReleaseError
from pipeline.model.findings import Severity
from pipeline.releasing.builds import find_builds
from tests.unit.releasing.finished import Sketch, write_build


def refused(kind: type[PipelineError], *dist_dirs: Path) -> str:
    with pytest.raises(kind) as caught:
        find_builds(dist_dirs)
    return caught.value.what


def test_builds_of_several_directories(tmp_path: Path) -> None:
    write_build(tmp_path / "b", Sketch(target="arm64"))
    write_build(tmp_path / "a", Sketch(target="amd64"))
    found = find_builds([tmp_path / "b", tmp_path / "a"])
    assert [(build.stem, build.components.target) for build in found] == [
        ("app-1.0.0-linux-amd64", "amd64"),
        ("app-1.0.0-linux-arm64", "arm64"),
    ]


def test_no_build_at_all(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as caught:
        find_builds([tmp_path / "a", tmp_path / "b"])
    assert str(caught.value) == (
        f"error: there is no finished build in {tmp_path / 'a'} or {tmp_path / 'b'}\n"
        "  usual cause: nothing was built yet, or it went to another directory (--out)\n"
        "  what to do:  build first, or give the directory with --dist"
    )


def test_another_zip_than_the_recorded_one(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist").with_name("app-1.0.0-linux-arm64.zip")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(IntegrityError) as caught:
        find_builds([tmp_path / "dist"])
    assert str(caught.value) == (
        f"error: {path} does not go with its record: it is another file than the one that was recorded\n"
        "  usual cause: files of two builds lie in the same directory, or one was changed, renamed or removed since\n"
        "  what to do:  build again into an empty directory"
    )


@pytest.mark.parametrize("name", ["app-1.0.0-linux-arm64.zip", "app-1.0.0-linux-arm64.components.json"])
def test_a_file_that_is_missing(tmp_path: Path, name: str) -> None:
    write_build(tmp_path / "dist").with_name(name).unlink()
    assert refused(IntegrityError, tmp_path / "dist") == (
        f"{tmp_path / 'dist' / name} does not go with its record: it is missing"
    )


def test_another_list_of_components(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist").with_name("app-1.0.0-linux-arm64.components.json")
    path.write_text(path.read_text().replace("MIT", "GPL-2.0-only"))
    assert refused(IntegrityError, tmp_path / "dist").endswith("it is another file than the one that was recorded")


def test_a_record_without_components(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist", Sketch(changed={"components_sha256": None}))
    assert refused(IntegrityError, tmp_path / "dist") == (
        f"{path} does not go with its record: it knows of no list of components"
    )


def test_a_renamed_record(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist")
    other = path.rename(path.with_name("other.build-info.json"))
    assert refused(IntegrityError, tmp_path / "dist") == (
        f"{other} does not go with its record: it is the record of app-1.0.0-linux-arm64.zip"
    )


def test_an_edited_record(tmp_path: Path) -> None:
    path = write_build(tmp_path / "dist")
    path.write_text(path.read_text().replace('"2.31"', '"2.17"'))
    assert refused(ArchiveError, tmp_path / "dist").startswith(f"{path} is not a valid build record")


def test_a_build_that_failed_its_checks(tmp_path: Path) -> None:
    write_build(tmp_path / "dist", Sketch(verdict=Severity.FAIL))
    assert refused(ReleaseError, tmp_path / "dist") == "app-1.0.0-linux-arm64.zip failed its checks"
