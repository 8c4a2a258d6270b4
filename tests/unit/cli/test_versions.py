"""``--version``: this program's own, and those of the tools in the toolbox."""

from __future__ import annotations

import json
import platform
from pathlib import Path

from click.testing import CliRunner

import pipeline
from pipeline.cli.main import commands
from pipeline.model.distribution import RustFlavour
from pipeline.model.package import Package
from pipeline.toolchains.plan import Plan


def package(name: str, version: str) -> Package:
    return Package(name=name, version=version, architecture="amd64", uri="", file_name=name, size_bytes=1, sha256="0")


def remember(toolbox: Path, name: str, *packages: Package, installed: bool = True) -> None:
    """Write a plan down and make the directory of its tools, as an installation does."""
    plan = Plan(
        created_at=0, tools=packages, sysroot=(), llvm_bin=None, without=(), named=("clang-22", "libc6-dev"),
        rust=RustFlavour(rustc="rustc-web", cargo="cargo-web", std="libstd-rust-web-dev"),
    )  # fmt: skip
    path = toolbox / "plans" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plan.model_dump_json())
    if installed:
        (toolbox / f"tools-{plan.tools_digest[:16]}").mkdir()


def said(*arguments: str) -> str:
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_before_the_first_build(tmp_path: Path) -> None:
    assert said("--version", "--cache-dir", str(tmp_path)) == (
        f"snapstitch {pipeline.__version__}\n"
        f"python {platform.python_version()}\n"
        f"toolbox {tmp_path}/toolbox: none yet; the first build fetches it\n"
    )


def test_tools_that_lie_there_are_told_once(tmp_path: Path) -> None:
    toolbox = tmp_path / "toolbox"
    clang, rustc, cargo = package("clang-22", "1:22.1.8"), package("rustc-web", "1.96"), package("cargo-web", "1.85")
    library = package("libc6-dev", "2.36")
    remember(toolbox, "a", clang, rustc, cargo, library)
    remember(toolbox, "b", clang, rustc)
    remember(toolbox, "c", package("clang-22", "1:22.0.0"), installed=False)
    (toolbox / "plans" / "broken.json").write_text("{")
    assert said("--cache-dir", str(tmp_path), "--version").splitlines()[2:] == [
        f"toolbox {toolbox}:", "  cargo-web 1.85", "  clang-22 1:22.1.8", "  rustc-web 1.96",
    ]  # fmt: skip
    told = json.loads(said("--version", "--json", "--cache-dir", str(tmp_path)))
    assert told["version"] == pipeline.__version__
    assert told["toolbox"]["tools"][0] == {"name": "cargo-web", "version": "1.85"}
