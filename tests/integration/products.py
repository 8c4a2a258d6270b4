"""Products that the command line built, unpacked, and their scripts run where nothing but the C library is."""

from __future__ import annotations

import os
import platform
import zipfile
from pathlib import Path
from typing import Any

from pipeline.context import Context
from pipeline.executors.choose import Means, candidates
from pipeline.model.build import ToolchainMode
from pipeline.model.events import NullReporter
from pipeline.model.execution import ExecRequest, Executor
from pipeline.model.record import BuildRecord
from pipeline.model.target import find_target, target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import toolbox, verify

from .command import Cli

PRIVATE: ToolchainMode = "private"
SCRIPT_TIMEOUT_S = 60.0
BUILD_TIMEOUT_S = 1800.0
"""A runtime on deno_core takes five minutes on an idle machine."""


class Built:
    """A runtime, built for one target by the command line and unpacked."""

    def __init__(
        self, cli: Cli, target: str, directory: Path, *options: str | Path, out_dir: Path | None = None
    ) -> None:
        self.target = find_target(target)
        self.out_dir = out_dir or directory / "dist"
        build = ("build", "--target", target, "--out", self.out_dir, "--toolchain", PRIVATE)
        self.outcome = cli.run(*build, *options, timeout_s=BUILD_TIMEOUT_S).outcome()
        self.zip_path = Path(self.outcome["zip"])
        self.record = BuildRecord.model_validate_json(Path(self.outcome["record"]).read_bytes())
        self.product_dir = directory / "product"
        with zipfile.ZipFile(self.zip_path) as archive:
            for member in archive.infolist():
                path = Path(archive.extract(member, self.product_dir))
                path.chmod(member.external_attr >> 16)

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        return {step["title"]: step for step in self.outcome["steps"]}


def toolchain_for(cli: Cli, target: str, *sysroot_packages: str, suite: str = "bookworm") -> Toolchain:
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    inputs = toolbox.ToolboxInputs(
        target=find_target(target), suite=suite, sysroot_packages=sysroot_packages, mode=PRIVATE
    )
    return toolbox.run(inputs, context)


def bare_executor(toolchain: Toolchain, directory: Path) -> Executor:
    """Return an executor whose root holds the C library and nothing else."""
    root = directory / "bare"
    if not root.exists():
        verify.make_bare_root(toolchain.sysroot, toolchain.target, root)
    means = Means(target=toolchain.target, sysroot=root, qemu=toolchain.qemu, qemu_version=toolchain.qemu_version)
    host = target_of_machine(platform.machine())
    return candidates(means)["native" if host == toolchain.target else "qemu"]


def run_script(executor: Executor, program: tuple[str, ...], built: Built, script: Path) -> str:
    """Run one of an example's scripts and return how its answer differs from what lies beside it.

    *program* is the product's binary and its options. ``$TESTS`` in what is expected is the script's directory.
    """

    def beside(extension: str) -> str:
        path = script.with_suffix(extension)
        return path.read_text().replace("$TESTS", str(script.parent)) if path.exists() else ""

    variables = dict(line.split("=", 1) for line in beside(".env").splitlines())
    binary, *options = program
    result = executor.run(
        ExecRequest(
            argv=(str(built.product_dir / binary), *options, "run", script.name, *beside(".args").splitlines()),
            env={"PATH": "/usr/bin:/bin"} | variables,
            workdir=script.parent,
            target=built.target,
            timeout_s=SCRIPT_TIMEOUT_S,
        )
    )
    expected = (int(beside(".code").strip() or 0), beside(".out"), beside(".err"))
    actual = (result.exit_code, result.stdout.decode(), result.stderr.decode())
    return "" if actual == expected else f"{script.name}\n--- expected {expected}\n--- actual {actual}"
