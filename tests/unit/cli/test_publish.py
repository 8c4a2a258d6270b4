"""``publish`` and ``release`` as a user calls them, against the stand-in for GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import main
from tests.unit.github.publishing import NAMES, write_files
from tests.unit.github.stand_in import StandIn, serving
from tests.unit.github.world import TAG, TOKEN, World
from tests.unit.releasing.finished import Sketch, write_build

COMPONENTS = "app-1.2.3-linux-arm64.components.json"
REPORT = "app-1.2.3-linux-arm64.report.html"
FILES = sorted((*NAMES, COMPONENTS, REPORT))
IMAGE = """
[runtimes.app.image]
variants = ["scratch"]
repositories = ["127.0.0.1:1/app"]
"""
SPEC = """\
schema = 1
[targets]
arm64 = { suite = "bookworm" }
[runtimes.app]
source = { kind = "path", path = "." }
targets = ["arm64"]
"""


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A repository, and a project beside it whose build is done."""
    project, stored = tmp_path / "project", tmp_path / "stored"
    stored.mkdir()
    write_files(project / "dist")
    (project / "dist" / COMPONENTS).write_text("{}")
    (project / "dist" / REPORT).write_text("<!doctype html>")
    (project / "releases.toml").write_text(SPEC)
    monkeypatch.chdir(project)
    for name in ("GH_TOKEN", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    with serving(World(stored)) as stand_in:
        environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "owner/app", "GITHUB_API_URL": stand_in.url}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield stand_in


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error, none of which has the token."""
    code = main(arguments)
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    return code, out, err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _err = run(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_a_release_from_start_to_end(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is: with a second between changes."""
    code, result = run_json(capsys, "publish", "--tag", TAG)
    assert code == 0
    assert (result["tag"], sorted(result["uploaded"]), result["requests"]["POST"]) == (TAG, FILES, 9)
    assert [asset["name"] for asset in result["assets"]] == FILES
    (release,) = github.world.releases
    assert release.body.startswith(f"## What's new in {TAG}\n")
    code, out, _err = run(capsys, "release", "list")
    assert (code, out.split()[0], out.split()[-1]) == (0, "public", TAG)
    code, result = run_json(capsys, "publish", "--tag", TAG, "--dry-run")
    assert (code, result["keep"], result["upload"]) == (0, FILES, [])


def test_a_dry_run_shows_the_plan(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _err = run(capsys, "publish", "--tag", TAG, "--dry-run")
    assert code == 0
    assert out == (
        f"{TAG} of owner/app: no release yet\n"
        f"    upload              13 bytes  {NAMES[2]}\n"
        f"    upload               2 bytes  {COMPONENTS}\n"
        f"    upload              15 bytes  {REPORT}\n"
        f"    upload         262,144 bytes  {NAMES[0]}\n"
        f"    upload              92 bytes  {NAMES[1]}\n"
    )
    assert [release.tag_name for release in github.world.releases] == []


def test_what_is_missing_is_told_before_anything_is_sent(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    (Path("dist") / NAMES[0]).unlink()
    code, _out, err = run(capsys, "publish", "--tag", TAG, "--quiet")
    assert code == 32
    assert err == (
        "app-[0-9]*-linux-arm64.zip: no such file\n\n"
        "error: the files are not those of the plan (1 difference)\n"
        "  usual cause: a build that failed or was forgotten, or files of an earlier version in the same directory\n"
        "  what to do:  build what is missing into an empty directory; `publish --dry-run` shows the plan\n"
    )
    assert github.log == []


def test_an_error_as_json(github: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    code, result = run_json(capsys, "publish", "--tag", TAG)
    assert (code, result["error"]["what"]) == (32, "GitHub refuses GET /repos/owner/app: 401")
    assert "wrong\n" not in result["error"]["details"]
    assert github.world.releases == []


def test_a_plan_of_one_s_own(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (*NAMES[1:], COMPONENTS, REPORT):
        (Path("dist") / name).unlink()
    Path("plan.json").write_text(json.dumps({"schema": 1, "assets": [{"pattern": "app-*.zip", "kind": "zip"}]}))
    code, result = run_json(capsys, "publish", "--tag", TAG, "--plan", "plan.json", "--dry-run")
    assert (code, result["upload"], result["looked"]) == (0, [NAMES[0]], True)
    Path("plan.json").write_text('{"schema": 1, "assets": [{"patern": "x"}]}')
    code, result = run_json(capsys, "publish", "--tag", TAG, "--plan", "plan.json", "--dry-run")
    assert (code, result["error"]["what"]) == (32, "plan.json is not the plan of a release")
    code, result = run_json(capsys, "publish", "--tag", TAG, "--plan", "none.json", "--dry-run")
    assert (code, result["error"]["what"]) == (2, "cannot read none.json: No such file or directory")
    assert github.world.releases == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["publish"], "missing option '--tag'"),
        (["publish", "--tag", "v1", "--repository", "x"], "'x' is not a repository"),
        (["release", "withdraw"], "missing option '--tag'"),
        (["release", "forget"], "no such command 'forget'"),
    ],
)
def test_command_lines_that_make_no_sense(
    github: StandIn, capsys: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    code, _out, err = run(capsys, *arguments)
    assert (code, err.splitlines()[0]) == (2, f"error: {what}")
    assert github.log == []


def test_offline_nothing_is_asked(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run_json(capsys, "publish", "--tag", TAG, "--dry-run", "--offline")
    assert (code, result["looked"]) == (0, False)
    code, result = run_json(capsys, "publish", "--tag", TAG, "--offline")
    assert (code, result["error"]["what"]) == (26, "releases cannot be reached with --offline")
    assert github.log == []


def test_unlock_says_who_it_was(github: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "release", "unlock", "--tag", TAG) == (0, "removed: there was no lock\n", "")
    assert run_json(capsys, "release", "prune") == (0, {"schema": 1, "removed": []})
    assert github.world.releases == []


def test_an_assembled_release_is_held_against_releases_toml(
    github: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    write_build(Path("builds").absolute(), Sketch(version="1.2.3"))
    assert run(capsys, "release", "assemble", "--quiet", "--tag", TAG, "--dist", "builds")[0] == 0
    directory = f"release/{TAG}"
    names = sorted(path.name for path in Path(directory).iterdir())
    code, result = run_json(capsys, "publish", "--tag", TAG, "--dist", directory, "--dry-run")
    assert (code, result["upload"], result["images"]) == (0, names, [])
    Path("releases.toml").write_text(SPEC.replace('["arm64"]', '["arm64", "amd64"]') + IMAGE)
    code, _out, err = run(capsys, "publish", "--quiet", "--tag", TAG, "--dist", directory, "--dry-run")
    assert (code, err.splitlines()[:2]) == (32, ["app-[0-9]*-linux-amd64.zip: no such zip", "app: no image scratch"])
    code, result = run_json(capsys, "publish", "--tag", "v1.2.4", "--dist", directory, "--plan", plan_of(names))
    assert result["error"]["what"] == f"{Path(directory).absolute()} is the release {TAG}, not v1.2.4"
    assert github.world.releases == []


def plan_of(names: list[str]) -> str:
    """Write a plan of one's own: what releases.toml implies is not asked then."""
    assets = [{"pattern": name, "kind": "file"} for name in names]
    Path("plan.json").write_text(json.dumps({"schema": 1, "assets": assets}))
    return "plan.json"
