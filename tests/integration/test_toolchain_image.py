"""A build in the toolchain image, by a real engine: the same files under the same names, and the same product."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pipeline.model.target import target_of_machine

from .command import ROOT, Cli
from .engine import Engine

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]

NAME = "toolchain-of-the-tests"


def environ(engine: Engine, **further: str) -> dict[str, str]:
    own = engine.environ()
    return own | {"PATH": f"{own['PATH']}:/usr/sbin:/sbin"} | further


@pytest.fixture(scope="module")
def image(cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make the image for this machine as docs/images.md says."""
    context = tmp_path_factory.mktemp("toolchain") / "context"
    host = target_of_machine(os.uname().machine)
    assert host
    made = cli.run("image", "--toolchain-context", context, "--target", host.name)
    assert made.exit_code == 0, made.stderr
    file = ROOT / "dockerfiles/toolchain/toolchain.Dockerfile"
    engine.docker("buildx", "build", "--load", "--tag", NAME, "--file", file, context)
    shutil.rmtree(context)
    return NAME


def test_a_build_in_the_image(cli: Cli, engine: Engine, image: str, pico_dist: Path, tmp_path: Path) -> None:
    """The engine of the tests has no way to the outside: what was fetched for the builds before is used."""
    env = environ(engine, SNAPSTITCH_TOOLCHAIN_IMAGE=image)
    arguments = ("--offline", "build", "--target", "arm64", "--toolchain", "docker", "--out", tmp_path / "dist")
    outcome = cli.run(*arguments, env=env).outcome()
    made, expected = Path(outcome["zip"]), pico_dist / Path(outcome["zip"]).name
    assert made.parent == tmp_path / "dist"
    assert made.read_bytes() == expected.read_bytes()
    assert engine.containers() == []


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
