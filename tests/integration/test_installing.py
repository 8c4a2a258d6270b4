"""Packages of ours, installed by npm from a registry, and prebuilds, installed by the command line, on this machine.

What is asked at the end is the process itself: which addon its loader has mapped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.toolchains.node import Node, ensure_host_node

from .command import ROOT, Cli
from .npm_registry import Registry
from .tiny_addon import NODE, Project, begin_project, make_tiny, serving

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.fixture(scope="module")
def context(cli: Cli) -> Context:
    return Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))


@pytest.fixture(scope="module")
def node(context: Context) -> Node:
    return ensure_host_node(NODE, context)


@pytest.fixture(scope="module")
def arch() -> str:
    target = target_of_machine(os.uname().machine)
    assert target is not None
    return target.node_arch


@pytest.fixture(scope="module")
def made(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what ``prebuild`` wrote of a tiny addon, for both C libraries of this machine's CPU."""
    target = target_of_machine(os.uname().machine)
    assert target is not None
    return make_tiny(cli, tmp_path_factory.mktemp("tiny"), target)


@pytest.fixture(scope="module", params=["one", "split"])
def registry(
    request: pytest.FixtureRequest, made: Path, node: Node, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    with serving(made, request.param, node, context, tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def project(registry: Registry, node: Node, host_toolchain: Toolchain, tmp_path: Path) -> Project:
    return begin_project(tmp_path, registry, node, host_toolchain)


def test_npm_installs_the_prebuild_and_falls_back(project: Project, registry: Registry, arch: str) -> None:
    """The same project lives through good and bad days, so that one installation serves several questions."""
    path = f"prebuilds/linux-{arch}/tiny.glibc.node"
    split = f"tiny-linux-{arch}-glibc"
    is_split = (registry.directory / "storage" / split).is_dir()
    prebuilt, built = f"{split if is_split else 'tiny'}/{path}", "tiny/build/Release/tiny.node"
    modules = project.directory / "node_modules"

    ended = project.install()
    assert f"prebuilds: tiny 1.0.0: {path} fits linux-{arch}, glibc " in ended.stdout
    assert project.mapped() == [prebuilt]
    assert sorted(path.name for path in modules.glob("tiny*")) == (["tiny", split] if is_split else ["tiny"])

    # An altered file: at run time it is refused, and the next installation builds.
    content = bytearray((modules / prebuilt).read_bytes())
    content[-1] ^= 1
    (modules / prebuilt).unlink()
    (modules / prebuilt).write_bytes(content)
    with pytest.raises(AssertionError, match="has another digest than the manifest says"):
        project.mapped()
    ended = project.npm("rebuild", "tiny", "--foreground-scripts")
    assert ended.exit_code == 0, ended.stderr
    assert f"{path} has another digest than the manifest says" in ended.stdout
    assert "building it: node build.js" in ended.stdout
    assert project.mapped() == [built]

    # What was built here comes first, also when the prebuild is whole again; a broken one is passed over.
    shutil.rmtree(modules)
    project.install("--build-from-source")
    assert project.mapped() == [built]
    (modules / built).unlink()
    (modules / built).write_bytes(b"cut")
    assert project.mapped() == [prebuilt]


def test_npm_without_the_platforms_package_and_without_a_compiler(project: Project, registry: Registry) -> None:
    is_split = len(list((registry.directory / "storage").glob("tiny*"))) > 1
    if is_split:
        ended = project.install("--omit=optional")
        assert "fits, but is not in the package, and it is to be had nowhere else" in ended.stdout
        assert project.mapped() == ["tiny/build/Release/tiny.node"]
        shutil.rmtree(project.directory / "node_modules")
    ended = project.npm("install", "tiny@1.0.0", "--build-from-source", env={"TINY_CC": "/no/such/compiler"})
    assert ended.exit_code != 0
    assert "prebuilds: no prebuild of tiny 1.0.0 is used on linux-" in ended.stderr
    assert "building it (node build.js) ended with exit status 1" in ended.stderr
    assert "code 38" in ended.stderr
    assert not (project.directory / "node_modules/tiny").exists()


def test_the_command_line_installs_an_addon(cli: Cli, made: Path, node: Node, arch: str, tmp_path: Path) -> None:
    out, lock = tmp_path / "out", tmp_path / "prebuilds.lock.json"
    options = ("--out", out, "--lock", lock, "--node", node.program)
    ended = cli.run("install", made / "tiny-1.0.0.prebuilds.json", *options)
    assert ended.exit_code == 0, ended.stderr
    (done,) = ended.result["installed"]
    path = out / f"prebuilds/linux-{arch}/tiny.glibc.node"
    assert (done["path"], done["how"], done["probed"]) == (str(path), "installed", True)
    assert (out / "prebuilds" / path.parent.name).is_dir()
    assert json.loads(lock.read_text())["projects"]["tiny"]["version"] == "1.0.0"
    ended = cli.run("install", made, "--target", "arm64" if arch == "x64" else "amd64", "--out", tmp_path / "other")
    assert ended.exit_code == 38
    assert "there is no prebuild of tiny for linux-" in ended.stderr
    ended = cli.run("install", made, "--out", "/proc/out")
    assert (ended.exit_code, ended.result["error"]["class"]) == (14, "NotWritableError")


def test_the_command_line_installs_finished_builds(cli: Cli, pico_dist: Path, tmp_path: Path) -> None:
    """The zips that `build` made, by the index that `prebuild --builds` writes of them."""
    dist = tmp_path / "dist"
    shutil.copytree(pico_dist, dist)
    ended = cli.run("prebuild", "--builds", dist, "--spec", ROOT / "releases.toml")
    assert ended.exit_code == 0, ended.stderr
    (index,) = ended.result["indexes"]
    ended = cli.run("install", index, "--out", tmp_path / "out")
    assert ended.exit_code == 0, ended.stderr
    (done,) = ended.result["installed"]
    assert (done["how"], done["probed"]) == ("installed", True)
    said = subprocess.run([done["path"], "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"pico {done['version']}\n"
    ended = cli.run("install", index, "--target", "s390x", "--out", tmp_path / "s390x")
    assert (ended.exit_code, ended.result["installed"][0]["probed"]) == (0, False)
