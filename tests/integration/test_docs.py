"""The commands on the documentation's pages, run as they stand there: docs/reference/documentation.md has the marks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.blocks import Block, missing_lines, pages, read_blocks

from .command import ROOT, Cli

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

PARTS = ("examples", "canaries", "patches", "dockerfiles", ".github")
PAGES = [page for page in pages() if any(block.mark == "run" for block in read_blocks(page))]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what commands read in a checkout."""
    directory = tmp_path_factory.mktemp("checkout")
    for name in PARTS:
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("target"))
    return directory


def settings() -> str:
    """Return releases.toml with pico where all tests have it, so that it is compiled once for all of them."""
    text = (ROOT / "releases.toml").read_text(encoding="utf-8")
    own = 'path = "examples/pico"'
    assert text.count(own) == 1
    return text.replace(own, f'path = "{ROOT}/examples/pico"')


@pytest.fixture(scope="module")
def programs(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a ``snapstitch`` that uses the tests' toolbox."""
    directory = tmp_path_factory.mktemp("bin")
    program = directory / "snapstitch"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pipeline --cache-dir {cli.cache_dir.absolute()} "$@"\n'
    )
    program.chmod(0o755)
    return directory


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, checkout: Path, programs: Path) -> None:
    (checkout / "releases.toml").write_text(settings(), encoding="utf-8")
    for name in ("dist", "release", "image"):
        shutil.rmtree(checkout / name, ignore_errors=True)
    printed = ""
    for block in read_blocks(page):
        if block.mark == "run":
            printed = run(block, checkout, programs)
        elif block.mark == "like":
            assert missing_lines(block.text, printed) == [], f"{block.place}: was printed:\n{printed}"


def environment(programs: Path) -> dict[str, str]:
    """Return what a plain machine has: no compiler of the user's own is on the PATH."""
    return {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "100"}


def run(block: Block, checkout: Path, programs: Path) -> str:
    """Run a block in a shell that stops at the first failure, and return what it printed."""
    done = subprocess.run(
        ["bash", "--norc", "-euo", "pipefail", "-c", block.text],
        cwd=checkout, env=environment(programs),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == block.exit_code, f"{block.place} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
