from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ReleaseError
from pipeline.releasing.builds import find_builds
from pipeline.releasing.fitting import fitting
from tests.unit.releasing.finished import Sketch, write_build


def differences(tmp_path: Path, *sketches: Sketch) -> list[str]:
    for number, sketch in enumerate(sketches):
        write_build(tmp_path / str(number), sketch)
    with pytest.raises(ReleaseError) as caught:
        fitting(find_builds(tmp_path / str(number) for number in range(len(sketches))))
    lines = caught.value.details.splitlines()
    assert caught.value.what == f"the builds are not of one release ({len(lines)} differences)"
    return lines


def test_targets_and_runtimes_of_one_release(tmp_path: Path) -> None:
    sketches = (Sketch(), Sketch(target="amd64"), Sketch(name="other", version="3.0.0", changed={"profile": "fast"}))
    for sketch in sketches:
        write_build(tmp_path / "dist", sketch)
    found = fitting(find_builds([tmp_path / "dist", tmp_path / "dist"]))
    assert [build.subject.zip_name for build in found] == [
        "app-1.0.0-linux-amd64.zip",
        "app-1.0.0-linux-arm64.zip",
        "other-3.0.0-linux-arm64.zip",
    ]


def test_two_versions(tmp_path: Path) -> None:
    assert differences(tmp_path, Sketch(), Sketch(version="1.1.0")) == [
        "app for arm64 is there twice: version 1.0.0 and 1.1.0"
    ]


def test_two_snapshots(tmp_path: Path) -> None:
    assert differences(tmp_path, Sketch(), Sketch(snapshot="b" * 64, seed=2)) == [
        "app for arm64 is there twice: with different snapshots"
    ]


def test_two_products_of_the_same_snapshot(tmp_path: Path) -> None:
    assert differences(tmp_path, Sketch(), Sketch(seed=2, zip_name="x.zip")) == [
        "app for arm64 is there twice: app-1.0.0-linux-arm64.zip and x.zip hold different files"
    ]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"lock_sha256": "2" * 64}, "Cargo.lock"),
        ({"features": ("more",)}, "features"),
        ({"default_features": False}, "default features"),
        ({"profile": "fast"}, "profile"),
    ],
)
def test_targets_that_were_built_otherwise(tmp_path: Path, changed: dict[str, object], word: str) -> None:
    assert differences(tmp_path, Sketch(target="amd64"), Sketch(changed=changed)) == [
        f"app: amd64 and arm64 differ in {word}"
    ]


def test_targets_of_two_versions(tmp_path: Path) -> None:
    assert differences(tmp_path, Sketch(target="amd64"), Sketch(version="1.1.0")) == [
        "app: amd64 and arm64 differ in version"
    ]


def test_one_name_for_two_products(tmp_path: Path) -> None:
    both = (Sketch(zip_name="x.zip"), Sketch(zip_name="x.zip", name="other"))
    assert differences(tmp_path, *both) == ["x.zip is the name of app and of other"]


def test_programs_of_one_build_with_two_snapshots(tmp_path: Path) -> None:
    assert differences(tmp_path, Sketch(), Sketch(name="companion", snapshot="b" * 64)) == [
        "app and companion for arm64 hold different snapshots of snap"
    ]
