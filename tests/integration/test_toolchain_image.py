"""A build in the toolchain image, by a real engine, with what is in the image alone: the same product as without it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from pipeline.model.target import target_of_machine
from pipeline.stages.images.lay_out_toolchain import SEED_DIR

from .command import ROOT, Cli
from .engine import Engine

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]

NAME = "toolchain-of-the-tests"


def environ(engine: Engine, **further: str) -> dict[str, str]:
    own = engine.environ()
    return own | {"PATH": f"{own['PATH']}:/usr/sbin:/sbin"} | further


@pytest.fixture(scope="module")
def image(cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the image for this machine as docs/images.md says, with the toolbox for one target of the example."""
    place = tmp_path_factory.mktemp("toolchain")
    host = target_of_machine(os.uname().machine)
    assert host
    spec = tomlkit.parse((ROOT / "releases.toml").read_text())
    runtimes: Any = spec["runtimes"]
    runtimes["pico"]["targets"] = ["arm64"]
    (place / "releases.toml").write_text(tomlkit.dumps(spec))
    for name in ("examples", "canaries"):
        (place / name).symlink_to(ROOT / name)
    options = ("--target", host.name, "--runtime", "pico", "--spec", place / "releases.toml")
    made = cli.run("image", "--toolchain-context", place / "context", *options)
    assert made.exit_code == 0, made.stderr
    seed = place / "context" / host.oci_platform.split("/")[1] / SEED_DIR
    names = {path.name.partition("_")[0].rstrip("0123456789.-") for path in (seed / "packages").iterdir()}
    assert names >= {"clang", "lld", "llvm", "rustc-web", "cargo-web", "qemu-user", "patchelf", "libnode-dev"}
    file = ROOT / "dockerfiles/toolchain/toolchain.Dockerfile"
    # Packing 0.6 GB proves nothing.
    output = f"type=image,name={NAME},compression=uncompressed,unpack=true"
    engine.docker("buildx", "build", "--provenance=false", "--output", output, "--file", file, place / "context")
    shutil.rmtree(place / "context")
    return NAME


def test_a_build_in_the_image(engine: Engine, image: str, pico_dist: Path, tmp_path: Path) -> None:
    """Neither a cache nor a network is there: every tool and the sysroot come from the image."""
    env = environ(engine, SNAPSTITCH_TOOLCHAIN_IMAGE=image)
    fresh = Cli(cache_dir=tmp_path / "cache")
    arguments = ("--offline", "build", "--target", "arm64", "--toolchain", "docker", "--out", tmp_path / "dist")
    outcome = fresh.run(*arguments, env=env).outcome()
    made, expected = Path(outcome["zip"]), pico_dist / Path(outcome["zip"]).name
    assert made.parent == tmp_path / "dist"
    assert made.read_bytes() == expected.read_bytes()
    assert engine.containers() == []
    shutil.rmtree(tmp_path / "cache")


def test_what_goes_wrong_there_is_told_as_here(cli: Cli, engine: Engine, image: str) -> None:
    env = environ(engine, SNAPSTITCH_TOOLCHAIN_IMAGE=image)
    ended = cli.run("build", "--target", "arm65", "--toolchain=docker", env=env)
    assert ended.exit_code == 4
    assert json.loads(ended.stdout)["error"]["class"] == "UnknownNameError"
    assert "arm65" in ended.stderr


def test_an_image_that_is_not_there(cli: Cli, engine: Engine) -> None:
    env = environ(engine, SNAPSTITCH_TOOLCHAIN_IMAGE="none-of-that-name")
    ended = cli.run("build", "--target", "arm64", "--toolchain", "docker", env=env)
    assert ended.exit_code == 10
    assert ended.stderr == (
        "error: the engine has no image none-of-that-name\n"
        "  usual cause: it was not made or pulled yet\n"
        "  what to do:  see docs/images.md for how it is made, or name another one (SNAPSTITCH_TOOLCHAIN_IMAGE)\n"
    )
