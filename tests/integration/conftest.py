"""What the tests share that run real programs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target, target_of_machine
from pipeline.model.toolchain import Toolchain

from .command import ROOT, Cli


@pytest.fixture(scope="session")
def cli() -> Cli:
    """Return the command line with a cache that the real builds of all tests share.

    SNAPSTITCH_TEST_CACHE names another place than the checkout's own, such as one that outlives the checkout.
    """
    return Cli(cache_dir=Path(os.environ.get("SNAPSTITCH_TEST_CACHE", ROOT / ".nox" / "test-cache")))


@pytest.fixture(scope="session")
def cargo_program() -> Path:
    """Return the Cargo that the tests use: SNAPSTITCH_TEST_CARGO, or the one on the PATH."""
    found = os.environ.get("SNAPSTITCH_TEST_CARGO") or shutil.which("cargo")
    if not found:
        pytest.fail("these tests need Cargo: put it on the PATH, or name it in SNAPSTITCH_TEST_CARGO")
    return Path(found)


@pytest.fixture(scope="session")
def host_toolchain(cargo_program: Path) -> Toolchain:
    """Return a toolchain that compiles for this very machine with what is installed on it."""
    target = target_of_machine(os.uname().machine) or find_target("amd64")
    beside = (cargo_program.parent,) if (cargo_program.parent / "rustc").exists() else ()
    return Toolchain(
        target=target,
        cargo=cargo_program,
        env={},
        path_dirs=beside,
        sysroot=Path("/"),
        qemu=Path("/nonexistent"),
        qemu_version="",
        patchelf=Path("/nonexistent"),
        strip=Path("/nonexistent"),
        tools=(),
        digest="",
    )


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return surroundings without a network and with a cache of the test's own."""
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ=dict(os.environ), offline=True)
