"""Which way images go to registries, and that what follows is the same.

A script answers as buildx does, in words of the real one that were written down; what it would have pushed is in a real
registry. The real one pushes in checks_of_buildkit.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import fs

from .command import Ended
from .registry import RunningRegistry, running_registry, send_image
from .registry_project import ALL_TAGS, PATH, Project

pytestmark = [pytest.mark.network]

DOCKER = """\
#!{python}
import json, pathlib, sys, tarfile
place, words = pathlib.Path({place!r}), sys.argv[1:]
with open(place / "calls", "a") as calls:
    calls.write(" ".join(words) + chr(10))
if words[1] == "inspect":
    print((place / "inspected").read_text())
if words[1] == "bake":
    file = json.loads(pathlib.Path(words[words.index("--file") + 1]).read_text())
    (place / "bake.json").write_text(json.dumps(file))
    for name, target in file["target"].items():
        if "type=oci" in target["output"][0]:
            layout = pathlib.Path({layouts!r}) / name.removeprefix("app-")
            with tarfile.open(target["output"][0].partition("dest=")[2], "w") as archive:
                for part in ("index.json", "oci-layout", "blobs"):
                    archive.add(layout / part, part)
    pathlib.Path(words[words.index("--metadata-file") + 1]).write_text((place / "metadata").read_text())
"""
INSPECTED = """\
Name:          own
Driver:        {driver}
Last Activity: 2026-11-27 10:28:16 +0000 UTC

Nodes:
Name:             own0
Endpoint:         unix:///run/buildkit/buildkitd.sock
Status:           running
BuildKit version: v0.17.3
"""


@pytest.fixture
def registry(registry_program: Path, tmp_path: Path) -> Iterator[RunningRegistry]:
    with running_registry(registry_program, tmp_path / "registry") as running:
        yield running


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publishing:
    """A project, a registry, and what stands where docker would."""

    project: Project
    registry: RunningRegistry
    directory: Path

    def run(self, driver: str, *options: str) -> Ended:
        (self.directory / "inspected").write_text(INSPECTED.format(driver=driver))
        digests = {variant: top_digest(self.project.directory / variant) for variant in ("debian", "ubuntu")}
        metadata = {f"app-{variant}": {"containerimage.digest": digest} for variant, digest in digests.items()}
        (self.directory / "metadata").write_text(json.dumps(metadata))
        docker = self.directory / "docker"
        docker.write_text(
            DOCKER.format(
                python=sys.executable, place=str(self.directory), layouts=str(self.project.directory)
            )
        )  # fmt: skip
        docker.chmod(0o755)
        named = ("--repository", f"{self.registry.host}/{PATH}", *options)
        path = f"{self.directory}:{os.environ['PATH']}"
        words = ("image", "--publish", str(self.directory / "out"), *named)
        return self.project.cli.run(*words, cwd=self.project.directory, env={"PATH": path})

    def calls(self) -> list[list[str]]:
        return [line.split() for line in (self.directory / "calls").read_text().splitlines()]

    def baked(self) -> dict[str, Any]:
        targets: dict[str, Any] = json.loads((self.directory / "bake.json").read_text())["target"]
        return targets


def top_digest(layout: Path) -> str:
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    return str(top["digest"])


@pytest.fixture
def publishing(project: Project, registry: RunningRegistry, tmp_path: Path) -> Publishing:
    written = project.cli.run("image", "--write", cwd=project.directory)
    assert written.exit_code == 0, written.stderr
    return Publishing(project=project, registry=registry, directory=tmp_path)


def push_without_tags(publishing: Publishing) -> None:
    for variant in ("debian", "ubuntu"):
        send_image(publishing.registry, PATH, publishing.project.directory / variant)
    shutil.rmtree(publishing.registry.data_dir / "docker/registry/v2/repositories" / PATH / "_manifests/tags")


def test_a_builder_that_can_pushes_by_digest(publishing: Publishing) -> None:
    push_without_tags(publishing)
    ended = publishing.run("remote", "--builder", "own")
    assert ended.exit_code == 0, ended.stderr
    assert {image["pushed_by"] for image in ended.result["images"]} == {"builder"}
    assert all(image["checks"] for image in ended.result["images"])
    assert sorted(publishing.registry.tags(PATH)) == ALL_TAGS
    assert publishing.registry.tags(PATH)["ubuntu"] == top_digest(publishing.project.directory / "ubuntu")
    for target in publishing.baked().values():
        name = f"{publishing.registry.host}/{PATH}"
        assert target["tags"] == []
        assert target["output"] == [f'type=image,"name={name}",push=true,push-by-digest=true,oci-mediatypes=true']
    version, inspect, bake = publishing.calls()
    assert (version, inspect) == (["buildx", "version"], ["buildx", "inspect", "--bootstrap", "own"])
    assert bake[:6] == ["buildx", "bake", "--builder", "own", "--progress", "plain"]
    assert json.loads((publishing.directory / "out/app.push.json").read_text())["version"] == "1.0.0"


@pytest.mark.parametrize(("driver", "options"), [("docker", ()), ("remote", ("--by-layout",))])
def test_else_layouts_are_pushed_from_here(publishing: Publishing, driver: str, options: tuple[str, ...]) -> None:
    ended = publishing.run(driver, *options)
    assert ended.exit_code == 0, ended.stderr
    assert {image["pushed_by"] for image in ended.result["images"]} == {"snapstitch"}
    assert sorted(publishing.registry.tags(PATH)) == ALL_TAGS
    left = {path.name for path in (publishing.directory / "out").iterdir()}
    assert left - {fs.SENTINEL_NAME} == {"app-debian.oci.tar", "app-ubuntu.oci.tar", "app.push.json"}


def test_what_the_builder_did_not_push_moves_no_tag(publishing: Publishing) -> None:
    send_image(publishing.registry, PATH, publishing.project.directory / "debian")
    ended = publishing.run("docker-container")
    assert ended.exit_code == 35, ended.stderr
    missing = top_digest(publishing.project.directory / "ubuntu")
    assert ended.stderr.splitlines()[-3:] == [
        f"error: {publishing.registry.host}/{PATH} has no {missing}, which the builder pushed",
        "  usual cause: the builder means another registry by that name, or somebody removed the image",
        "  what to do:  see that builder and this machine reach the same one, or publish with --by-layout",
    ]
    assert list(publishing.registry.tags(PATH)) == ["1"]  # what send_image gave it


def test_a_version_that_is_there_with_other_images(publishing: Publishing) -> None:
    push_without_tags(publishing)
    assert publishing.run("remote").exit_code == 0
    before = publishing.registry.tags(PATH)
    assert publishing.run("docker").exit_code == 0  # the same directory, whatever the way
    targets = ("--target", "arm64")
    less = publishing.run("remote", *targets)
    assert less.exit_code == 34, less.stderr
    assert "is not an image of these builds: it has linux/arm/v7, linux/arm64" in less.stderr
    assert publishing.registry.tags(PATH) == before


@pytest.mark.parametrize("driver", ["remote", "docker"])
def test_a_run_that_died_knows_where_tags_were(publishing: Publishing, driver: str) -> None:
    """Its journal outlives the directory, which is made anew; another publisher in between is found out."""
    push_without_tags(publishing)
    assert publishing.run(driver).exit_code == 0
    path = publishing.directory / "out/app.push.json"
    journal = json.loads(path.read_text())
    moves = {move["tag"]: move for move in journal["moves"]}
    moves["latest"]["moved"] = False
    path.write_text(json.dumps(journal))
    tags = publishing.registry.data_dir / "docker/registry/v2/repositories" / PATH / "_manifests/tags"
    shutil.copytree(tags / "ubuntu", tags / "latest", dirs_exist_ok=True)
    again = publishing.run(driver)
    assert again.exit_code == 35, again.stderr
    assert "somebody else publishes to" in again.stderr
    assert publishing.registry.tags(PATH)["latest"] == top_digest(publishing.project.directory / "ubuntu")
