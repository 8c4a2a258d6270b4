"""An image of the real thing, for two platforms, written without an engine and published: its canaries prove it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from .command import ROOT, Cli
from .conftest import TWO_TARGETS
from .images import Layout
from .packages import unpacked
from .registry import docker_config, htpasswd, running_registry

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


def test_the_plan_of_bake_has_both_platforms(cli: Cli, pico_options: tuple[str | Path, ...]) -> None:
    planned = cli.run(*pico_options, "--print").result
    assert {tuple(target["platforms"]) for target in planned["target"].values()} == {("linux/arm64", "linux/s390x")}


def test_it_is_pushed_proved_by_its_canaries_and_tagged(
    cli: Cli, pico_options: tuple[str | Path, ...], scratch_layout: Path, tmp_path: Path
) -> None:
    """They run under the emulator that was asked for, with nothing but loader and libraries of the image."""
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with running_registry(program, tmp_path / "registry", auth=htpasswd(tmp_path)) as registry:
        env = docker_config(tmp_path / "docker", registry.host)
        place = f"{registry.host}/team/pico"
        to = ("--push", f"scratch={scratch_layout}", f"--repository={place}", "--executor", "qemu")
        pushed = cli.run(*pico_options, *to, env=env)
        assert pushed.exit_code == 0, pushed.stderr
        (image,) = pushed.result["images"]
        layout = Layout(directory=scratch_layout)
        assert image["platforms"] == {name: item["digest"] for name, item in layout.platforms().items()}
        manifests = [layout.manifest(platform) for platform in layout.platforms()]
        blobs = {part["digest"] for manifest in manifests for part in (manifest["config"], *manifest["layers"])}
        assert image["blobs"] == len(blobs)
        canaries = tomllib.loads((ROOT / "releases.toml").read_text())["runtimes"]["pico"]["canaries"]
        assert image["canaries"] == len(TWO_TARGETS) * len(canaries)
        assert registry.tags("team/pico") == dict.fromkeys(("0.1.0-scratch", "0.1-scratch", "scratch"), image["digest"])
        (file,) = cli.run("verify", f"docker://{place}:scratch", env=env).result["files"]
        assert (file["verdict"], sorted(file["targets"])) == ("ok", sorted(TWO_TARGETS))
    (scratch_layout.parent / "pico.push.json").unlink()


def test_an_executor_that_cannot_run_it(
    cli: Cli, pico_options: tuple[str | Path, ...], scratch_layout: Path, tmp_path: Path
) -> None:
    """What is asked for is taken, and no other: nothing is tagged."""
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with running_registry(program, tmp_path / "registry") as registry:
        to = ("--push", f"scratch={scratch_layout}", f"--repository={registry.host}/team/pico", "--executor", "docker")
        refused = cli.run(*pico_options, *to, env={"DOCKER_HOST": f"unix://{tmp_path}/none"})
        assert refused.exit_code == 16, refused.stderr
        assert "error: no program of arm64 can be run here\n" in refused.stderr
        assert registry.tags("team/pico") == {}
    (scratch_layout.parent / "pico.push.json").unlink(missing_ok=True)
