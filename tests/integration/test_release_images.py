"""From builds to a release with images and prebuilds, published: a real registry, and the stand-in for GitHub."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.github.stand_in import Fault, StandIn, serving
from tests.unit.github.world import TAG, TOKEN, World
from tests.unit.images.made import base_layout, finished_build
from tests.unit.prebuilding.prebuilds import collected
from tests.unit.stages.releases.test_include_prebuilds import packed

from .command import Cli, Ended
from .packages import unpacked
from .registry import RunningRegistry, running_registry

pytestmark = [pytest.mark.network]

SPEC = """\
schema = 1
default-runtime = "app"
[runtimes.app]
source = {{ kind = "path", path = "." }}
package = "app"
binaries = ["app"]
targets = ["arm64", "armhf"]
[runtimes.app.image]
variants = ["debian", "ubuntu"]
repositories = ["{host}/team/app", "{host}/copies/app"]
[prebuilds.bcrypt]
kind = "node-addon"
released = true
targets = ["arm64"]
libcs = ["musl"]
source = {{ kind = "npm", package = "bcrypt", version = "6.0.0" }}
"""
VARIANTS = ("debian", "ubuntu")


class Project:
    """Finished builds, a layout of each variant, prebuilds, and what is done with them."""

    def __init__(self, cli: Cli, place: Path, github: StandIn, registry: RunningRegistry) -> None:
        self.cli, self.place, self.github, self.registry = cli, place, github, registry

    def run(self, *arguments: str) -> Ended:
        env = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "owner/app", "GITHUB_API_URL": self.github.url}
        return self.cli.run(*arguments, cwd=self.place, env=env)

    def push(self) -> None:
        pushed = self.run("image", *(f"--push={variant}={variant}" for variant in VARIANTS))
        assert pushed.exit_code == 0, pushed.stderr

    def assemble(self, *options: str) -> dict[str, Any]:
        images = [f"--image=app:{variant}={variant}" for variant in VARIANTS]
        made = self.run("release", "assemble", "--tag", TAG, *(options or (*images, "--prebuilds", "prebuilds")))
        assert made.exit_code == 0, made.stderr
        manifest: dict[str, Any] = made.result["releases"][0]["manifest"]
        return manifest

    def publish(self, *options: str) -> Ended:
        return self.run("publish", "--tag", TAG, "--dist", f"release/{TAG}", *options)


@pytest.fixture(scope="module")
def made(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    (place / "releases.toml").write_text(SPEC.format(host="127.0.0.1:1"))
    platforms = ["linux/arm64", "linux/arm/v7"]
    libc = {"lib/libc.so.6": b"", "lib/ld-linux-aarch64.so.1": b"", "lib/ld-linux-armhf.so.3": b""}
    for target in ("arm64", "armhf"):
        finished_build(place / "dist", target)
    for variant in VARIANTS:
        base_layout(place / f"base-{variant}", platforms, libc)
        written = cli.run(
            "image", "--layout", variant, "--variant", variant, "--base-layout", f"base-{variant}", cwd=place
        )
        assert written.exit_code == 0, written.stderr
    packed(place, collected(place, arm64="musl"), "bcrypt-6.0.0")
    return place


@pytest.fixture
def project(cli: Cli, made: Path, tmp_path: Path) -> Iterator[Project]:
    place, stored = tmp_path / "project", tmp_path / "stored"
    stored.mkdir()
    shutil.copytree(made, place)
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with running_registry(program, tmp_path / "registry") as registry, serving(World(stored)) as github:
        (place / "releases.toml").write_text(SPEC.format(host=registry.host))
        yield Project(cli, place, github, registry)


def test_a_release_with_images_and_prebuilds(project: Project) -> None:
    project.push()
    manifest = project.assemble()
    assert [(image["variant"], len(image["platforms"])) for image in manifest["images"]] == [
        ("debian", 2), ("ubuntu", 2),
    ]  # fmt: skip
    tags = project.registry.tags("team/app")
    listed = {(tag["repository"], tag["tag"]): tag["digest"] for image in manifest["images"] for tag in image["tags"]}
    assert listed == {
        (f"{project.registry.host}/{path}", tag): tags[tag]
        for path in ("team/app", "copies/app")
        for tag in ("1.0.0", "1.0.0-debian", "1.0.0-ubuntu")
    }
    removed = project.registry.data_dir / "docker/registry/v2/repositories/copies/app/_manifests/tags/1.0.0"
    project.github.schedule(Fault("done-502", "upload-asset", 3, action=lambda: shutil.rmtree(removed)))
    refused = project.publish()
    assert refused.result["error"]["details"] == f"{project.registry.host}/copies/app:1.0.0: not there"
    assert project.github.world.releases[0].draft, "something became public although an image went meanwhile"
    project.push()
    published = project.publish()
    assert published.exit_code == 0, published.stderr
    # In each of two repositories 3 tags and 2 platforms of 2 variants; before anything is sent, and at the end.
    assert published.stderr.count("6 tags, 14 requests") == 2
    assert {item["image"]: item["digest"] for item in published.result["images"]} == {
        f"{repository}:{tag}": digest for (repository, tag), digest in listed.items()
    }
    (release,) = project.github.world.releases
    directory = project.place / "release" / TAG
    assert sorted(asset.name for asset in release.assets) == sorted(path.name for path in directory.iterdir())
    assert {"bcrypt-6.0.0.prebuilds.json", "bcrypt-6.0.0-linux-arm64-musl.zip", "app-1.0.0.prebuilds.json"} <= {
        asset.name for asset in release.assets
    }
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=directory, capture_output=True, check=True
    )
    assert checked.stdout.count(b": OK\n") == len(release.assets) - 1
    assert f"| `{project.registry.host}/team/app:1.0.0` | linux/arm64, linux/arm/v7 |" in release.body
    assert "| bcrypt 6.0.0: bcrypt | linux-arm64 | musl, Node-API 8 |" in release.body


def test_without_its_images_nothing_becomes_public(project: Project) -> None:
    project.assemble()
    refused = project.publish()
    lines = [f"app: the image {variant} was not pushed to a registry" for variant in VARIANTS]
    assert (refused.exit_code, refused.result["error"]["details"].splitlines()) == (32, lines)
    project.assemble("--image=app:debian=debian")
    refused = project.publish("--dry-run", "--offline")
    assert refused.result["error"]["details"].splitlines() == [
        "app: no image ubuntu",
        "app: the image debian was not pushed to a registry",
        "bcrypt: no prebuild for arm64 with musl",
    ]
    assert project.github.log == []


def test_images_that_are_gone_or_others_keep_a_release_from_being_public(project: Project) -> None:
    project.push()
    manifest = project.assemble()
    tags = project.registry.data_dir / "docker/registry/v2/repositories/team/app/_manifests/tags"
    shutil.rmtree(tags / "1.0.0-ubuntu")
    armhf = manifest["images"][1]["platforms"][1]["digest"]
    shutil.rmtree(tags.parent / "revisions/sha256" / armhf.removeprefix("sha256:"))
    other = json.loads((project.place / "debian/index.json").read_text())["manifests"][0]["digest"]
    shutil.rmtree(tags / "1.0.0-debian")
    shutil.copytree(tags / "ubuntu", tags / "1.0.0-debian")
    for options in ((), ("--dry-run",)):
        refused = project.publish(*options)
        ubuntu = next(image for image in manifest["images"] if image["variant"] == "ubuntu")["digest"]
        place = f"{project.registry.host}/team/app"
        assert refused.exit_code == 32
        assert refused.result["error"]["what"] == "the images of the release are not where it says (3 differences)"
        assert refused.result["error"]["details"].splitlines() == [
            f"{place}:1.0.0-debian: it is {ubuntu}, not {other}",
            f"{place}:1.0.0-ubuntu: not there",
            f"{place}@{armhf} (linux/arm/v7): not there",
        ]
    assert project.github.world.releases == []
