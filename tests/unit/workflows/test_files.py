"""Workflows: up to date, pinned, without rights that they do not need, and safe from what forks propose."""

from __future__ import annotations

import re
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.model.spec.reader import parse_spec
from pipeline.workflows import jobs as jobs_module
from pipeline.workflows.files import workflow_files
from pipeline.workflows.jobs import FROM_A_FORK, NOT_FROM_A_FORK

ROOT = Path(__file__).parents[3]
RUNTIMES = """
schema = 1
default-runtime = "app"
[runtimes.app]
source = { kind = "path", path = "app" }
targets = ["amd64", "arm64", "s390x"]
[runtimes.other]
source = { kind = "path", path = "other" }
targets = ["arm64"]
"""
OWN = '[ci]\nruntimes = ["app", "other"]\nsnapshot-runner = ["self-hosted", "macOS", "ARM64"]\n'
HOSTED = '[ci]\nruntimes = ["app", "other"]\nsnapshot-runner = "ubuntu-24.04-arm"\n'
QEMU = '[ci]\nruntimes = ["app", "other"]\n'
EVERY = pytest.mark.parametrize("ci", [OWN, HOSTED, QEMU, '[ci]\nbuild-image = ""\n'])
ALL_PAIRS = [("app", "amd64"), ("app", "arm64"), ("app", "s390x"), ("other", "arm64")]


def texts(ci: str) -> dict[str, str]:
    return workflow_files(parse_spec(tomllib.loads(RUNTIMES + ci)))


def parsed(ci: str) -> dict[str, Any]:
    # BaseLoader: `on` is a word here, not a truth value as in YAML 1.1.
    return {name: yaml.load(text, Loader=yaml.BaseLoader) for name, text in texts(ci).items()}


def jobs(ci: str) -> dict[str, Any]:
    return {f"{name}:{key}": job for name, workflow in parsed(ci).items() for key, job in workflow["jobs"].items()}


def pairs(job: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["runtime"], row["target"]) for row in job["strategy"]["matrix"]["include"]]


def test_the_projects_own_are_not_stale() -> None:
    """If this fails: nox -s workflows."""
    spec = parse_spec(tomllib.loads((ROOT / "releases.toml").read_text(encoding="utf-8")))
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}
    assert workflow_files(spec) == {name: text for name, text in there.items() if text.startswith("# Made from")}


@EVERY
def test_actions_are_pinned_and_their_tag_is_told(ci: str) -> None:
    used = [line.strip() for text in texts(ci).values() for line in text.splitlines() if "uses:" in line]
    assert used
    pinned = re.compile(r"(- )?uses: (actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/build\.yml)")
    assert [line for line in used if not pinned.fullmatch(line)] == []


@EVERY
def test_no_rights_but_those_that_a_job_needs(ci: str) -> None:
    assert [workflow["permissions"] for workflow in parsed(ci).values()] == [{}, {}, {}, {}]
    rights = {name: job["permissions"] for name, job in jobs(ci).items()}
    assert rights.pop("release.yml:release") == {"contents": "write"}
    assert rights.pop("sync.yml:tell") == {"issues": "write"}
    assert {name: right for name, right in rights.items() if right not in ({}, {"contents": "read"})} == {}


@EVERY
def test_nothing_of_an_event_is_put_into_a_script(ci: str) -> None:
    scripts = [step["run"] for job in jobs(ci).values() for step in job.get("steps", ()) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


@EVERY
def test_no_job_runs_for_ever(ci: str) -> None:
    assert [name for name, job in jobs(ci).items() if "uses" not in job and not int(job["timeout-minutes"])] == []


def test_a_workflow_that_is_called_does_not_wait_for_its_caller() -> None:
    groups = [workflow["concurrency"]["group"] for workflow in parsed(OWN).values()]
    assert len(set(groups)) == 4


def test_with_qemu_each_product_is_one_job() -> None:
    build = parsed(QEMU)["build.yml"]["jobs"]
    assert list(build) == ["build"]
    assert pairs(build["build"]) == ALL_PAIRS


@pytest.mark.parametrize(("ci", "label"), [(OWN, ["self-hosted", "macOS", "ARM64"]), (HOSTED, "ubuntu-24.04-arm")])
def test_a_snapshot_runner_gets_its_targets_only(ci: str, label: object) -> None:
    build = parsed(ci)["build.yml"]["jobs"]
    chain = [build[name] for name in ("generator", "snapshot", "stitch")]
    assert [job.get("needs") for job in chain] == [None, "generator", "snapshot"]
    assert [pairs(job) for job in chain] == [[("app", "arm64"), ("other", "arm64")]] * 3
    assert sorted(pairs(build["build"]) + pairs(chain[0])) == sorted(ALL_PAIRS)
    assert [job["runs-on"] for job in chain] == ["ubuntu-24.04", label, "ubuntu-24.04"]


def test_a_snapshot_on_top_of_another_takes_a_pair_of_jobs_more() -> None:
    two = RUNTIMES.replace('path = "other" }', 'path = "other" }\nsnapshot-rounds = 2')
    build = yaml.load(workflow_files(parse_spec(tomllib.loads(two + OWN)))["build.yml"], Loader=yaml.BaseLoader)["jobs"]
    assert list(build) == ["build", "generator", "snapshot", "generator-2", "snapshot-2", "stitch", "from-a-fork"]
    chain = ("generator", "snapshot", "generator-2", "snapshot-2", "stitch")
    assert [build[name].get("needs") for name in chain] == [None, *chain[:-1]]
    assert [pairs(build[name]) for name in chain] == [
        *[[("app", "arm64"), ("other", "arm64")]] * 2, *[[("other", "arm64")]] * 2,
        [("app", "arm64"), ("other", "arm64")],
    ]  # fmt: skip
    second = build["generator-2"]["steps"]
    (taken,) = (step["with"]["name"] for step in second if "download-artifact" in step.get("uses", ""))
    assert taken == "snapshot-${{ matrix.runtime }}-${{ matrix.target }}"
    assert any("--snapshot snapshot.tar.gz --out" in step.get("run", "") for step in second)
    rows = build["stitch"]["strategy"]["matrix"]["include"]
    assert [row["snapshot"] for row in rows] == ["snapshot", "snapshot-2"]
    assert {name for name, job in build.items() if "self-hosted" in job["runs-on"]} == {"snapshot", "snapshot-2"}
    assert {build[name]["if"] for name in chain} == {NOT_FROM_A_FORK}


def test_what_is_not_lifted_is_not_handed_over() -> None:
    """Without lifting, there is no program that another machine could run."""
    not_lifted = RUNTIMES.replace('path = "other" }', 'path = "other" }\nstrategy = "root"')
    files = workflow_files(parse_spec(tomllib.loads(not_lifted + HOSTED)))
    build = yaml.load(files["build.yml"], Loader=yaml.BaseLoader)["jobs"]
    assert ("other", "arm64") in pairs(build["build"])
    assert ("other", "arm64") not in pairs(build["generator"]) + pairs(build["stitch"])


@EVERY
def test_the_toolbox_is_kept_but_not_for_releases(ci: str) -> None:
    build = parsed(ci)["build.yml"]["jobs"]
    for name, job in build.items():
        kept = [step for step in job["steps"] if "actions/cache@" in step.get("uses", "")]
        assert len(kept) == (0 if name.startswith("snapshot") else 1), name
        for step in kept:
            assert step["if"] == "!startsWith(github.ref, 'refs/tags/')"
            assert step["with"]["path"] == "~/.cache/snapstitch/toolbox"
            for part in ("matrix.runtime", "matrix.target", "'releases.toml'", "distributions.toml", "steps.week"):
                assert part in step["with"]["key"], part
    for pattern in jobs_module.TOOLBOX_FILES:
        assert list(ROOT.glob(pattern)), f"nothing is called {pattern} any more"


def test_forks_never_reach_a_runner_of_ones_own() -> None:
    own = {name: job for name, job in jobs(OWN).items() if "self-hosted" in job.get("runs-on", "")}
    assert list(own) == ["build.yml:snapshot"]
    build = parsed(OWN)["build.yml"]["jobs"]
    assert {name: job.get("if") for name, job in build.items()} == {
        "build": None,
        "generator": NOT_FROM_A_FORK,
        "snapshot": NOT_FROM_A_FORK,
        "stitch": NOT_FROM_A_FORK,
        "from-a-fork": FROM_A_FORK,
    }
    assert pairs(build["from-a-fork"]) == pairs(build["snapshot"])
    assert all("pull_request_target" not in text for text in texts(OWN).values())


def test_a_hosted_snapshot_runner_serves_forks_too() -> None:
    build = parsed(HOSTED)["build.yml"]["jobs"]
    assert [name for name, job in build.items() if "if" in job] == []


def test_the_snapshot_job_has_the_bundle_and_nothing_else() -> None:
    job = parsed(OWN)["build.yml"]["jobs"]["snapshot"]
    assert job["permissions"] == {}
    assert [step.get("uses", "").partition("@")[0] for step in job["steps"]] == [
        "actions/download-artifact", "", "actions/upload-artifact",
    ]  # fmt: skip


def test_what_is_handed_on_is_what_is_taken() -> None:
    build = parsed(OWN)["build.yml"]["jobs"]

    def names(job: str, action: str) -> list[str]:
        return [step["with"]["name"] for step in build[job]["steps"] if action in step.get("uses", "")]

    assert names("generator", "upload-artifact") == names("snapshot", "download-artifact")
    rows = build["stitch"]["strategy"]["matrix"]["include"]
    taken = {names("stitch", "download-artifact")[0].replace("${{ matrix.snapshot }}", row["snapshot"]) for row in rows}
    assert set(names("snapshot", "upload-artifact")) == taken
    steps = parsed(OWN)["release.yml"]["jobs"]["release"]["steps"]
    (pattern,) = [step["with"]["pattern"] for step in steps if "download-artifact" in step.get("uses", "")]
    assert [name.startswith(pattern.rstrip("*")) for name in names("stitch", "upload-artifact")] == [True]


def test_the_token_is_known_to_the_step_that_publishes_only() -> None:
    steps = parsed(OWN)["release.yml"]["jobs"]["release"]["steps"]
    knowing = [step for step in steps if "github.token" in str(step)]
    assert [step["run"] for step in knowing] == ['nox -s publish -- --tag "$TAG" --dist "release/$TAG"']
    assert steps[-1] == knowing[0]
    # The environment of nox is made before, by the same session.
    assert steps[-2]["run"].startswith("nox -s publish -- ")
    assert steps[0]["with"] == {"persist-credentials": "false"}


def test_who_may_write_issues_runs_nothing_of_ours_or_others() -> None:
    look, tell = (parsed(OWN)["sync.yml"]["jobs"][name] for name in ("look", "tell"))
    assert [step["uses"].partition("@")[0] for step in tell["steps"] if "uses" in step] == ["actions/download-artifact"]
    assert "nox" not in str(tell)
    assert "github.token" not in str(look)
    assert (look["outputs"]["news"], tell["if"]) == (
        "${{ steps.sync.outputs.news }}", "needs.look.outputs.news == 'true'",
    )  # fmt: skip


@EVERY
def test_sessions_that_are_called_exist(ci: str) -> None:
    text = "".join(texts(ci).values())
    called = set(re.findall(r'nox -s "([a-z]+)-\$TARGET"', text))
    assert called <= {"build", "generator", "stitch"}
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert [verb for verb in called if f'"{verb}": ' not in noxfile] == []


def test_the_snapshot_script_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    """The script as it stands in the workflow, with a bundle that only says where it is."""
    steps = parsed(OWN)["build.yml"]["jobs"]["snapshot"]["steps"]
    script = tmp_path / "script"
    script.write_text(next(step["run"] for step in steps if "run" in step))
    (tmp_path / "run").write_text('printf "%s" "$0" > "$2"\n')
    temporary, work = tmp_path / "temporary", tmp_path / "work"
    temporary.mkdir()
    work.mkdir()
    with tarfile.open(work / "generator.tar.gz", "w:gz") as bundle:
        bundle.add(tmp_path / "run", "run")
    shell = parsed(OWN)["build.yml"]["defaults"]["run"]["shell"].format(script).split()
    subprocess.run(shell, cwd=work, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary)}, check=True, timeout=30)
    made = Path((work / "snapshot.tar.gz").read_text())
    assert made.is_relative_to(temporary)
    assert list(temporary.iterdir()) == []
