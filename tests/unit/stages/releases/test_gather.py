"""The files of a release that was assembled: those of its manifest and of its list of sums, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError
from pipeline.model.events import NullReporter
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import ReleaseManifest
from pipeline.model.releases.plan import plan_of_release
from pipeline.releasing.directory import describe, read_manifest, seal
from pipeline.stages.releases import gather


def release(tmp_path: Path) -> Path:
    directory = tmp_path / "release"
    directory.mkdir()
    for name in ("one", "two"):
        fs.write_text(directory / name, f"{name}\n")
    further = tuple(describe(directory / name, AssetKind.NOTES) for name in ("one", "two"))
    empty = ReleaseManifest(schema_version=1, tag="v1", pipeline_version="1", source_date_epoch_s=0)
    seal(directory, empty.model_copy(update={"further": further}))
    return directory


def gathered(directory: Path) -> list[str]:
    plan = plan_of_release(read_manifest(directory / "release.json"))
    context = Context(cache_dir=directory.parent, reporter=NullReporter(), environ={})
    return [file.name for file in gather.run(gather.GatherInputs(directory=directory, plan=plan), context)]


def test_all_of_it(tmp_path: Path) -> None:
    assert gathered(release(tmp_path)) == ["SHA256SUMS", "one", "release.json", "two"]


def sealed_with(directory: Path, line: str) -> None:
    sums = directory / "SHA256SUMS"
    sums.write_text(sums.read_text() + line)


def without_one(directory: Path) -> None:
    sums = directory / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if not line.endswith("  one\n")))


OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda place: (place / "one").write_text("uno\n"), "one is not the file that release.json lists"),
        (lambda place: sealed_with(place, f"{OTHER}  three\n"), "SHA256SUMS does not have the SHA-256 of three"),
        (lambda place: sealed_with(place, f"{OTHER}  two\n"), "SHA256SUMS does not have the SHA-256 of two"),
        (without_one, "SHA256SUMS does not have the SHA-256 of one"),
        (
            lambda place: (place / "SHA256SUMS").write_text(" " * 1_100_000),
            "SHA256SUMS does not have the SHA-256 of one",
        ),
        (
            lambda place: (place / "release.json").write_text((place / "release.json").read_text() + "\n"),
            "SHA256SUMS does not have the SHA-256 of release.json",
        ),
    ],
)
def test_what_was_changed_since(tmp_path: Path, harm: Callable[[Path], object], what: str) -> None:
    directory = release(tmp_path)
    harm(directory)
    with pytest.raises(IntegrityError) as caught:
        gathered(directory)
    assert str(caught.value) == (
        f"error: {what}\n"
        "  usual cause: files of two builds lie in the same directory, or one was changed since\n"
        "  what to do:  build again into an empty directory"
    )
