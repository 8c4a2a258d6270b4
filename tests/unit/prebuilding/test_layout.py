"""Directories of prebuilds: written, read with every digest compared, and put together."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, PrebuildError
from pipeline.model.prebuilds.manifest import MANIFEST_PATH, PrebuildManifest
from pipeline.prebuilding.layout import Collected, combine, read_layout, read_manifest, write_layout
from tests.unit.prebuilding.prebuilds import collected, manifest_of


def written(root: Path, part: Collected) -> Path:
    write_layout(root, manifest_of(part), part.files)
    return root


def test_a_layout_is_read_as_it_was_written(tmp_path: Path) -> None:
    part = collected(tmp_path, arm64="musl", x64="glibc")
    root = written(tmp_path / "out", part)
    found = read_layout(root)
    assert (found.name, found.version, found.prebuilds) == (part.name, part.version, part.prebuilds)
    assert {place: path.read_bytes() for place, path in found.files.items()} == {
        place: path.read_bytes() for place, path in part.files.items()
    }


def test_modes_are_those_of_the_manifest(tmp_path: Path) -> None:
    root = written(tmp_path / "out", collected(tmp_path, arm64="musl"))
    (addon,) = root.rglob("*.node")
    assert addon.stat().st_mode & 0o777 == 0o644


def test_a_file_that_was_changed(tmp_path: Path) -> None:
    root = written(tmp_path / "out", collected(tmp_path, arm64="musl"))
    (addon,) = root.rglob("*.node")
    addon.write_bytes(b"other")
    with pytest.raises(IntegrityError) as caught:
        read_layout(root)
    assert str(caught.value) == (
        f"error: {addon} is not what the manifest beside it says\n"
        "  usual cause: it was changed, cut off or left out on the way from the machine that built it\n"
        "  what to do:  transfer the directory again, or build there again"
    )


def test_a_link_that_leads_out(tmp_path: Path) -> None:
    root = written(tmp_path / "out", collected(tmp_path, arm64="musl"))
    (addon,) = root.rglob("*.node")
    outside = tmp_path / "outside"
    outside.write_bytes(addon.read_bytes())
    addon.unlink()
    addon.symlink_to(outside)
    with pytest.raises(IntegrityError):
        read_layout(root)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema_version": 2}, "schema_version: Input should be 1"),
        ({"prebuilds": [{}]}, "prebuilds.0.kind: Field required"),
        ({"unknown": 1}, "unknown: Extra inputs are not permitted"),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path: Path, change: dict[str, object], why: str) -> None:
    root = written(tmp_path / "out", collected(tmp_path, arm64="musl"))
    path = root / MANIFEST_PATH
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PrebuildError) as caught:
        read_manifest(path)
    assert caught.value.what == f"{path} is no manifest of prebuilds: {why}"


@pytest.mark.parametrize("place", ["../x.node", "/x.node", "prebuilds/../../x", "a\\b", ""])
def test_paths_that_lead_out_are_refused(tmp_path: Path, place: str) -> None:
    value = json.loads(manifest_of(collected(tmp_path, arm64="musl")).to_json())
    value["prebuilds"][0]["path"] = value["prebuilds"][0]["files"][0]["path"] = place
    with pytest.raises(ValueError, match="path"):
        PrebuildManifest.model_validate(value)


def test_there_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(PrebuildError, match="No such file or directory"):
        read_layout(tmp_path)


def test_what_was_built_here_comes_before_what_was_built_elsewhere(tmp_path: Path) -> None:
    own = collected(tmp_path / "a", arm64="musl")
    other = collected(tmp_path / "b", arm64="musl", x64="musl")
    both = combine([own, other])
    assert [prebuild.arch for prebuild in both.prebuilds] == ["arm64", "x64"]
    assert both.files["prebuilds/linux-arm64/bcrypt.musl.node"].is_relative_to(tmp_path / "a")


def test_another_version_is_not_mixed_in(tmp_path: Path) -> None:
    own = collected(tmp_path / "a", arm64="musl")
    with pytest.raises(PrebuildError, match=r"bcrypt 7\.0\.0 cannot be put beside bcrypt 6\.0\.0"):
        combine([own, dataclasses.replace(own, version="7.0.0")])
