from __future__ import annotations

import subprocess
from pathlib import Path

import pydantic
import pytest

from pipeline import fs
from pipeline.errors import ArchiveError, IntegrityError, ReleaseError
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import ReleaseManifest
from pipeline.releasing.directory import check_asset, describe, read_manifest, release_directory, seal


def release(final: Path, text: str = "words") -> ReleaseManifest:
    with release_directory(final) as staging:
        (staging / "notes.md").write_text(text)
        asset = describe(staging / "notes.md", AssetKind.NOTES)
        manifest = ReleaseManifest(
            schema_version=1, tag="v1", pipeline_version="1", source_date_epoch_s=0, further=(asset,)
        )
        seal(staging, manifest)
    return manifest


def sha256sum(directory: Path) -> tuple[int, str]:
    command = ["sha256sum", "-c", "SHA256SUMS"]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return ended.returncode, ended.stdout


def test_sums_are_those_that_sha256sum_reads(tmp_path: Path) -> None:
    manifest = release(tmp_path / "v1")
    assert sha256sum(tmp_path / "v1") == (0, "notes.md: OK\nrelease.json: OK\n")
    assert read_manifest(tmp_path / "v1" / "release.json") == manifest
    (tmp_path / "v1" / "notes.md").write_text("other")
    assert sha256sum(tmp_path / "v1") == (1, "notes.md: FAILED\nrelease.json: OK\n")


def test_a_release_replaces_itself(tmp_path: Path) -> None:
    release(tmp_path / "v1", "old")
    release(tmp_path / "v1", "new")
    assert sorted(path.name for path in (tmp_path / "v1").iterdir()) == ["SHA256SUMS", "notes.md", "release.json"]
    assert (tmp_path / "v1" / "notes.md").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    release(tmp_path / "v1")
    (tmp_path / "v1" / "mine.txt").write_text("keep me")
    with pytest.raises(ReleaseError) as caught:
        release(tmp_path / "v1")
    assert str(caught.value) == (
        f"error: {tmp_path / 'v1'} is there, and mine.txt is no file of a release that was assembled there\n"
        "  usual cause: files were added by hand, or the directory is something else\n"
        "  what to do:  move it away, or give another directory with --out"
    )
    assert (tmp_path / "v1" / "mine.txt").read_text() == "keep me"


def test_a_run_that_was_killed_while_it_replaced_is_gone_on_with(tmp_path: Path) -> None:
    release(tmp_path / "v1", "old")
    (tmp_path / "v1" / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
    for name in (".v1.assembled", "..v1.assembled.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
        (tmp_path / name / "notes.md").write_text("half")
    release(tmp_path / "v1", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]
    assert sorted(path.name for path in (tmp_path / "v1").iterdir()) == ["SHA256SUMS", "notes.md", "release.json"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    release(tmp_path / "v1", "old")
    with pytest.raises(RuntimeError, match="half"), release_directory(tmp_path / "v1") as staging:
        (staging / "notes.md").write_text("new")
        raise RuntimeError("half")
    assert (tmp_path / "v1" / "notes.md").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"there is no .*/release\.json"):
        read_manifest(tmp_path / "release.json")
    (tmp_path / "release.json").write_text('{"tag": "v1"}')
    with pytest.raises(ArchiveError, match=r"release\.json is not the manifest of a release: Field required"):
        read_manifest(tmp_path / "release.json")


def test_names_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    manifest = release(tmp_path / "v1")
    text = manifest.to_json().replace("notes.md", "../notes.md")
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(ArchiveError, match="String should match pattern"):
        read_manifest(tmp_path / "release.json")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (asset,) = release(tmp_path / "v1").further
    with pytest.raises(pydantic.ValidationError, match=r"two files are called notes\.md"):
        ReleaseManifest(schema_version=1, tag="v1", pipeline_version="1", source_date_epoch_s=0, further=(asset, asset))


def test_a_file_is_held_against_the_manifest(tmp_path: Path) -> None:
    (asset,) = release(tmp_path / "v1").further
    assert check_asset(tmp_path / "v1", asset) == tmp_path / "v1" / "notes.md"
    (tmp_path / "v1" / "notes.md").write_text("sword")
    with pytest.raises(IntegrityError, match=r"notes\.md is not what the manifest says"):
        check_asset(tmp_path / "v1", asset)
    (tmp_path / "v1" / "notes.md").unlink()
    with pytest.raises(IntegrityError, match=r"notes\.md is missing"):
        check_asset(tmp_path / "v1", asset)
