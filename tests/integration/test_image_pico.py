"""An image of the real thing, for two platforms, written without an engine: its own loader and libraries run it."""

from __future__ import annotations

import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.executors.choose import Means, candidates
from pipeline.images.bases import platform_name
from pipeline.model.execution import ExecRequest
from pipeline.model.target import find_target

from .command import ROOT, Cli
from .packages import unpacked as unpacked_package
from .products import toolchain_for
from .registry import docker_config, htpasswd, running_registry

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

TARGETS = ("arm64", "s390x")


@pytest.fixture(scope="module")
def dist_options(pico_dist: Path) -> tuple[str | Path, ...]:
    """Two of the builds, and what names them."""
    targets = [word for target in TARGETS for word in ("--target", target)]
    return ("image", "--runtime", "pico", "--dist", pico_dist, *targets)


@pytest.fixture(scope="module")
def layout(cli: Cli, dist_options: tuple[str | Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("image") / "layout"
    made = cli.run(*dist_options, "--layout", place)
    assert made.exit_code == 0, made.stderr
    assert made.result["tags"] == ["0.1.0-scratch", "0.1-scratch", "scratch"]
    return place


def document(layout: Path, descriptor: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((layout / "blobs/sha256" / descriptor["digest"][7:]).read_bytes())
    return found


def unpacked(layout: Path, platform: str, root: Path) -> dict[str, Any]:
    """Unpack the image of a platform and return its configuration."""
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    for descriptor in document(layout, top)["manifests"]:
        if platform_name(descriptor["platform"]) == platform:
            manifest = document(layout, descriptor)
            for layer in manifest["layers"]:
                with tarfile.open(layout / "blobs/sha256" / layer["digest"][7:]) as archive:
                    archive.extractall(root, filter="tar")
            return document(layout, manifest["config"])
    raise AssertionError(f"no image for {platform}")


@pytest.mark.parametrize("name", TARGETS)
def test_it_runs_with_loader_and_libraries_of_the_image(cli: Cli, layout: Path, tmp_path: Path, name: str) -> None:
    target, root = find_target(name), tmp_path / "root"
    config = unpacked(layout, target.oci_platform, root)
    toolchain = toolchain_for(cli, name, "libnode-dev")
    means = Means(target=target, sysroot=root, qemu=toolchain.qemu, qemu_version=toolchain.qemu_version)
    (entrypoint,) = config["config"]["Entrypoint"]
    request = ExecRequest(
        argv=(str(root) + entrypoint, "eval", "console.log([1, 2, 3].map((x) => x * 7).join())"),
        env={}, workdir=root / "tmp", inputs=(), outputs=(), target=target, timeout_s=60,
    )  # fmt: skip
    result = candidates(means)["qemu"].run(request)
    assert (result.exit_code, result.stdout) == (0, b"7,14,21\n")


def test_verify_takes_it_for_what_it_is(cli: Cli, layout: Path) -> None:
    (file,) = cli.run("verify", layout).result["files"]
    assert (file["kind"], file["verdict"], sorted(file["targets"])) == ("oci-layout", "ok", sorted(TARGETS))


def test_the_plan_of_bake_has_both_platforms(cli: Cli, dist_options: tuple[str | Path, ...]) -> None:
    planned = cli.run(*dist_options, "--print").result
    assert {tuple(target["platforms"]) for target in planned["target"].values()} == {("linux/arm64", "linux/s390x")}


def test_it_is_pushed_proved_by_its_canaries_and_tagged(
    cli: Cli, dist_options: tuple[str | Path, ...], layout: Path, tmp_path: Path
) -> None:
    program = unpacked_package(cli, "docker-registry") / "usr/bin/docker-registry"
    with running_registry(program, tmp_path / "registry", auth=htpasswd(tmp_path)) as registry:
        env = docker_config(tmp_path / "docker", registry.host)
        places = [f"{registry.host}/team/pico", f"{registry.host}/copies/pico"]
        repositories = [f"--repository={place}" for place in places]
        pushed = cli.run(*dist_options, "--push", f"scratch={layout}", *repositories, env=env)
        assert pushed.exit_code == 0, pushed.stderr
        first, second = pushed.result["images"]
        (top,) = json.loads((layout / "index.json").read_text())["manifests"]
        assert first["digest"] == second["digest"] == top["digest"]
        assert sorted(first["platforms"]) == ["linux/arm64", "linux/s390x"]
        images = [document(layout, descriptor) for descriptor in document(layout, top)["manifests"]]
        blobs = {part["digest"] for image in images for part in (image["config"], *image["layers"])}
        assert (first["blobs"], second["blobs"]) == (len(blobs), 0), "a second repository gets blobs mounted"
        canaries = tomllib.loads((ROOT / "releases.toml").read_text())["runtimes"]["pico"]["canaries"]
        assert first["canaries"] == len(TARGETS) * len(canaries)
        expected = dict.fromkeys(("0.1.0-scratch", "0.1-scratch", "scratch"), top["digest"])
        assert registry.tags("team/pico") == registry.tags("copies/pico") == expected
        (file,) = cli.run("verify", f"docker://{places[1]}:scratch", env=env).result["files"]
        assert (file["verdict"], sorted(file["targets"])) == ("ok", sorted(TARGETS))
    (layout.parent / "pico.push.json").unlink()
