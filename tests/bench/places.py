"""Where benchmarks work: toolchains, a cache of their own, and the pipeline's command line in it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.cache.store import DIRECTORY_NAME
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.model.toolchain import Toolchain
from pipeline.rust import cargo
from pipeline.sources.registry import user_home
from pipeline.stages.building import toolbox
from tests.bench.measuring import Usage, measured

ROOT = Path(__file__).resolve().parent.parent.parent
SUITE = "bookworm"
PACKAGES = ("libnode-dev",)
ROOT_PACKAGES = ("rustc-web", "cargo-web", "pkg-config")
CARGO_HOME = "/opt/cargo"
"""In a root."""


class BenchError(Exception):
    """A command that should have gone well did not; the message has the end of what it said."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A directory for one benchmark, and the cache that all of them share."""

    directory: Path
    cache_dir: Path

    @cached_property
    def log(self) -> Path:
        """Return where standard error of everything goes."""
        return self.directory / "log"

    def toolchain(self, target: str) -> Toolchain:
        """Return the tools and the sysroot for pico, fetched first where they are missing."""
        context = Context(cache_dir=self.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
        inputs = toolbox.ToolboxInputs(
            target=find_target(target), suite=SUITE, sysroot_packages=PACKAGES, mode="private"
        )
        return toolbox.run(inputs, context)

    def cargo_environment(self, toolchain: Toolchain) -> dict[str, str]:
        """Return what Cargo is started with."""
        context = Context(cache_dir=self.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
        return cargo.environment(toolchain, context)

    def forget_builds(self) -> None:
        """Remove what builds left: the next one starts from nothing but its tools."""
        for name in ("work", DIRECTORY_NAME):
            shutil.rmtree(self.cache_dir / name, ignore_errors=True)

    def pipeline(self, *arguments: str | Path) -> tuple[Usage, Any]:
        """Run the command line; return what it took and its JSON. Raises BenchError."""
        argv = [sys.executable, "-m", "pipeline", "--cache-dir", str(self.cache_dir), "--json", *map(str, arguments)]
        usage = self.run(argv, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)})
        return usage, json.loads(usage.stdout)

    def build(self, workspace: Path, targets: Sequence[str] = ("arm64",), *options: str) -> tuple[Usage, Any]:
        """Build a copy of pico; return what it took and the outcomes. Raises BenchError."""
        usage, result = self.pipeline(
            "build", *(word for target in targets for word in ("--target", target)), "--path", workspace,
            "--package", "pico", "--vm-crate", "pico_v8", "--system-package", *PACKAGES, "--suite", SUITE,
            "--toolchain", "private", "--check", "eval 'console.log(6 * 7)' => 42", *options,
            "--out", self.directory / "dist",
        )  # fmt: skip
        return usage, result["outcomes"]

    def cargo_in_root(self, workspace: Path, root: Sequence[str], seen: Sequence[str], *cargo: str) -> Usage:
        """Build with Cargo in an arm64 root, which is made before the clock starts; return what the build took.

        *root* says what is special about it, *seen* what is mounted and set inside. What crates a build needs, Cargo
        must have fetched before. Raises BenchError.
        """
        argv = [sys.executable, "-m", "pipeline", "--cache-dir", str(self.cache_dir), "root"]
        env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        packages = [word for name in ROOT_PACKAGES for word in ("--package", name)]
        options = ("--target", "arm64", "--suite", SUITE, *packages, *root)
        self.run([*argv, "create", *options], env=env, cwd=workspace)
        registry = f"{user_home(os.environ) / 'registry'}:{CARGO_HOME}/registry"
        own = ("--mount", registry, "--env", f"CARGO_HOME={CARGO_HOME}")
        build = ("cargo", "build", "--locked", "--offline", "--release", *cargo)
        return self.run([*argv, "run", *options, *own, *seen, *build], env=env, cwd=workspace)

    def run(self, argv: Sequence[str], *, env: dict[str, str], cwd: Path | None = None) -> Usage:
        """Run a command that has to go well. Raises BenchError."""
        usage = measured(argv, cwd=cwd or self.directory, env=env, log=self.log)
        if usage.exit_code:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{' '.join(map(str, argv))} ended with exit code {usage.exit_code}:\n{tail}")
        return usage
