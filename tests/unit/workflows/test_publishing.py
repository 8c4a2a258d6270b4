"""What comes with a release: images and prebuilds, as far as releases.toml names a place for them."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from pipeline.model.spec.reader import parse_spec
from pipeline.workflows.files import workflow_files

RUNTIMES = """
schema = 1
[runtimes.app]
source = { kind = "path", path = "app" }
targets = ["amd64", "arm64"]
[runtimes.other]
source = { kind = "path", path = "other" }
targets = ["arm64"]
[runtimes.other.image]
"""
IMAGES = """
[runtimes.app.image]
repositories = ["ghcr.io/owner/app", "docker.io/owner/app"]
variants = ["debian", "scratch"]
"""
PREBUILDS = """
[prebuilds.addon]
kind = "node-addon"
released = true
targets = ["arm64", "amd64"]
source = { kind = "path", path = "addon" }
[prebuilds.more]
kind = "node-addon"
source = { kind = "path", path = "addon" }
"""


def release(further: str) -> dict[str, Any]:
    text = workflow_files(parse_spec(tomllib.loads(RUNTIMES + further)))["release.yml"]
    jobs: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)["jobs"]
    return jobs


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_images_without_a_place_to_go_to_are_not_made() -> None:
    jobs = release("")
    assert list(jobs) == ["build", "release"]
    assert jobs["release"]["needs"] == "build"


def test_images_are_pushed_after_all_builds_and_before_the_release() -> None:
    jobs = release(IMAGES)
    assert list(jobs) == ["build", "images", "release"]
    images = jobs["images"]
    assert (images["needs"], jobs["release"]["needs"]) == ("build", ["build", "images"])
    assert images["if"] == jobs["release"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert images["permissions"] == {"contents": "read", "packages": "write"}
    assert images["strategy"]["matrix"] == {"runtime": ["app"]}
    assert scripts(images)[-1].splitlines()[-1] == (
        'nox -s image -- --publish "image/$RUNTIME" --runtime "$RUNTIME" --builder images --by-layout --resolve-bases'
    )
    assert scripts(jobs["release"])[2] == (
        'nox -s release -- assemble --tag "$TAG" \\\n'
        "  --image app:debian=image/app/app-debian.oci.tar \\\n"
        "  --image app:scratch=image/app/app-scratch.oci.tar"
    )


def test_layouts_arrive_where_the_release_looks_for_them() -> None:
    jobs = release(IMAGES)
    (sent,) = (step["with"] for step in jobs["images"]["steps"] if "upload-artifact" in step.get("uses", ""))
    (got,) = (
        step["with"]
        for step in jobs["release"]["steps"]
        if step.get("with", {}).get("pattern", "").startswith("images")
    )
    assert (sent["name"], sent["path"]) == ("images-${{ matrix.runtime }}", "image/")
    assert (got["pattern"], got["path"], got["merge-multiple"]) == ("images-*", "image", "true")


def test_each_registry_has_its_login_which_only_its_step_knows() -> None:
    steps = release(IMAGES)["images"]["steps"]
    logins = [step for step in steps if "docker login" in step.get("run", "")]
    assert [step["env"] for step in logins] == [
        {
            "REGISTRY": "docker.io", "USERNAME": "${{ secrets.REGISTRY_DOCKER_IO_USER }}",
            "PASSWORD": "${{ secrets.REGISTRY_DOCKER_IO_PASSWORD }}",
        },
        {"REGISTRY": "ghcr.io", "USERNAME": "${{ github.actor }}", "PASSWORD": "${{ github.token }}"},
    ]  # fmt: skip
    knowing = [step for step in steps if "secrets." in str(step) or "github.token" in str(step)]
    assert knowing == logins
    # Packages are installed before anybody is logged in.
    assert steps.index(logins[0]) > next(n for n, step in enumerate(steps) if "image -- --check" in step.get("run", ""))


def test_the_login_hands_the_password_over_and_does_not_show_it(tmp_path: Path) -> None:
    steps = release(IMAGES)["images"]["steps"]
    (script, *_others) = (step["run"] for step in steps if "docker login" in step.get("run", ""))
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$*" "<$(cat)>"\n')
    docker.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "REGISTRY": "r.example", "USERNAME": "me", "PASSWORD": "a %s\\n b"}
    done = subprocess.run(["/bin/sh", "-eu", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "login --username me --password-stdin r.example\n<a %s\\n b>\n"


def test_released_prebuilds_are_made_for_each_target() -> None:
    jobs = release(PREBUILDS)
    assert list(jobs) == ["build", "prebuilds", "release"]
    assert jobs["prebuilds"]["strategy"]["matrix"]["include"] == [
        {"recipe": "addon", "target": "arm64"}, {"recipe": "addon", "target": "amd64"},
    ]  # fmt: skip
    assert scripts(jobs["prebuilds"])[-1] == 'nox -s "prebuild-$TARGET" -- "$RECIPE" --out prebuilds'
    assert jobs["release"]["needs"] == ["build", "prebuilds"]
    assert scripts(jobs["release"])[2].endswith("--prebuilds prebuilds")


def test_both() -> None:
    assert release(IMAGES + PREBUILDS)["release"]["needs"] == ["build", "images", "prebuilds"]
