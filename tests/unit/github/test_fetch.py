"""A published release, fetched again: every byte, or nothing; and a delta made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.releasing.directory import read_manifest
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.test_updater import assemble, publish
from tests.unit.github.world import TOKEN

TAG = "v2.4.5"


@pytest.fixture
def published(github: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a release that is public."""
    monkeypatch.chdir(tmp_path)
    environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "owner/app", "GITHUB_API_URL": github.url}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    directory = assemble("2.4.5")
    publish(github, directory)
    github.schedule()
    return directory


def fetch(*options: str, tag: str = TAG) -> int:
    return main(["release", "fetch", "--quiet", "--tag", tag, "--out", "fetched", "--cache-dir", "cache", *options])


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_all_of_it_comes_back(github: StandIn, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch("--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["releases"]
    assert (one["tag"], one["directory"]) == (TAG, str(Path("fetched", TAG).absolute()))
    assert sorted(one["files"]) == sorted(contents(published))
    assert contents(Path("fetched", TAG)) == contents(published)
    assert github.leaks == []
    assert fetch() == 0, "what was fetched may be fetched again"


def test_a_delta_is_made_from_what_was_fetched(published: Path) -> None:
    assert fetch("--kind", "tar") == 0
    assert sorted(contents(Path("fetched", TAG))) == ["SHA256SUMS", "deno-linux-arm64.tar.zst", "release.json"]
    new = assemble("2.4.6", "--previous", str(Path("fetched", TAG)))
    (delta,) = read_manifest(new / "release.json").products[0].deltas
    assert (delta.old_tag, delta.old_version) == (TAG, "2.4.5")
    assert published.is_dir()


@pytest.mark.parametrize("step", ["release-by-tag", "list-assets", "get-asset", "stored-file"])
def test_a_bad_day_is_waited_for(github: StandIn, published: Path, step: str) -> None:
    github.schedule(*(Fault(kind, step, nth) for nth, kind in enumerate(("502", "cut", "503"), start=1)))
    assert fetch() == 0
    assert github.seen[step] > 3
    assert contents(Path("fetched", TAG)) == contents(published)


def refused(capsys: pytest.CaptureFixture[str], code: int, *options: str, tag: str = TAG) -> str:
    capsys.readouterr()
    assert fetch(*options, tag=tag) == code
    assert not Path("fetched", tag).exists()
    return capsys.readouterr().err


@pytest.mark.usefixtures("published")
def test_other_bytes_leave_nothing(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    github.schedule(Fault("flipped", "stored-file", 3))
    name = "deno-linux-arm64.zip"
    assert refused(capsys, 12) == (
        f"error: {name} of {TAG} is not what the release says: it has other bytes\n"
        "  usual cause: somebody changed the assets of the release, or a server on the way changes what it sends\n"
        "  what to do:  withdraw the release, and publish it again under a revision\n"
    )
    github.schedule(Fault("flipped", "stored-file", 2))
    assert "release.json of v2.4.5 is not what the release says: it has other bytes" in refused(capsys, 12)


@pytest.mark.usefixtures("published")
def test_an_asset_that_was_removed(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    (release,) = github.world.releases
    release.assets = [asset for asset in release.assets if not asset.name.endswith(".tar.zst")]
    assert "deno-linux-arm64.tar.zst of v2.4.5 is not what the release says: it is not there" in refused(capsys, 12)
    assert fetch("--kind", "zip") == 0


@pytest.mark.usefixtures("published")
def test_a_release_under_another_tag(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    github.world.releases[0].tag_name = "v9.0.0"
    said = refused(capsys, 12, tag="v9.0.0")
    assert said.startswith("error: release.json of v9.0.0 is not what the release says: it is that of v2.4.5\n")


@pytest.mark.usefixtures("published")
def test_what_was_not_assembled_here(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    github.world.create_release({"tag_name": "v1.0.0", "draft": False})
    assert refused(capsys, 32, tag="v1.0.0").startswith("error: there is no release v1.0.0 with a release.json\n")
    assert refused(capsys, 32, tag="v1.1.0").startswith("error: v1.1.0 is not published\n")
    Path("fetched", TAG).mkdir(parents=True)
    Path("fetched", TAG, "mine.txt").write_text("mine")
    capsys.readouterr()
    assert fetch() == 33
    assert Path("fetched", TAG, "mine.txt").read_text() == "mine"
