"""A tiny addon, made by ``prebuild`` and served by a registry, and somebody's project that depends on it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.context import Context
from pipeline.model.target import Target
from pipeline.model.toolchain import Toolchain
from pipeline.toolchains.node import Node

from .command import ROOT, Cli, Ended
from .npm_registry import Registry, running_registry

NODE = "24.19.0"
RECIPE = """
schema = 1
[prebuilds.tiny]
kind = "node-addon"
cxx = false
source = {{ kind = "path", path = "{source}" }}
targets = ["{target}"]
[prebuilds.tiny.npm]
name = "tiny"
"""
MAPPED = """
const answer = require('tiny')();
process.report.excludeNetwork = true;
const mapped = process.report.getReport().sharedObjects.filter((name) => name.endsWith('.node'));
console.log(JSON.stringify({ answer, mapped }));
"""


def make_tiny(cli: Cli, directory: Path, target: Target, *options: str) -> Path:
    """Return what ``prebuild`` wrote of the addon: packages of both styles."""
    shutil.copytree(ROOT / "tests/data/prebuilds/tiny", directory / "source")
    spec = directory / "releases.toml"
    spec.write_text(RECIPE.format(source=directory / "source", target=target.name), encoding="utf-8")
    ended = cli.run("prebuild", *options, "--out", directory / "out", "--spec", spec, timeout_s=1200)
    assert ended.exit_code == 0, ended.stderr
    return directory / "out/tiny-1.0.0"


@contextlib.contextmanager
def serving(made: Path, style: str, node: Node, context: Context, directory: Path) -> Iterator[Registry]:
    """Run a registry that has the packages of one style."""
    with running_registry(node.npm, context, directory) as running:
        for tarball in sorted((made / "npm" / style).glob("*.tgz")):
            running.publish(tarball)
        yield running


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """Someone's project that has the addon among its dependencies."""

    directory: Path
    registry: Registry
    node: Node
    compiler: dict[str, str]

    def npm(self, *arguments: str, env: dict[str, str] | None = None) -> Ended:
        command = self.registry.npm.command(
            self.registry.context, self.directory, *arguments, "--no-audit", *self.registry.options(),
        )  # fmt: skip
        ended = subprocess.run(
            command.argv, cwd=self.directory, env=dict(command.env) | self.compiler | (env or {}),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Ended(exit_code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)

    def install(self, *arguments: str, env: dict[str, str] | None = None) -> Ended:
        ended = self.npm("install", "tiny@1.0.0", "--foreground-scripts", *arguments, env=env)
        assert ended.exit_code == 0, ended.stdout + ended.stderr
        return ended

    def mapped(self) -> list[str]:
        ended = subprocess.run(
            [self.node.program, "-e", MAPPED], cwd=self.directory, env={"HOME": str(self.directory)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        said: dict[str, Any] = json.loads(ended.stdout)
        assert said["answer"] == 42
        return [str(Path(name).relative_to(self.directory / "node_modules")) for name in said["mapped"]]


def begin_project(directory: Path, registry: Registry, node: Node, toolchain: Toolchain) -> Project:
    """Return a project without dependencies, on a machine that can compile the addon."""
    (directory / "package.json").write_text('{"private": true}')
    compiler = {"TINY_CC": toolchain.env[f"CC_{toolchain.target.env_suffix}"], "TINY_HEADERS": str(node.headers)}
    return Project(directory=directory, registry=registry, node=node, compiler=compiler)
