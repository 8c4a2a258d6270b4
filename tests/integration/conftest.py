"""What the tests share that run real programs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import toolbox

from .command import ROOT, Cli
from .engine import Engine, running_engine
from .forked import ForkedCli, forking
from .handoffs import Handoff, make_handoff
from .lifted_builds import Bench, Make, generate_lock
from .packages import unpacked
from .products import Built
from .registry import RunningRegistry, running_registry
from .registry_project import Project, make_project
from .sshd import Sshd, running_sshd
from .workspaces import Workspace


@pytest.fixture(scope="session")
def cli() -> Cli:
    """Return the command line with a cache that the real builds of all tests share.

    SNAPSTITCH_TEST_CACHE names another place than the checkout's own, such as one that outlives the checkout.
    """
    return Cli(cache_dir=Path(os.environ.get("SNAPSTITCH_TEST_CACHE", ROOT / ".nox" / "test-cache")))


@pytest.fixture(scope="session")
def host_toolchain(cli: Cli) -> Toolchain:
    """Return a toolchain that compiles for this very machine: the toolbox's own, whatever is installed here."""
    target = target_of_machine(os.uname().machine)
    assert target is not None, "the table of targets lacks this machine"
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    toolchain = toolbox.run(toolbox.ToolboxInputs(target=target, mode="private"), context)
    other = os.environ.get("SNAPSTITCH_TEST_CARGO")
    if not other:
        return toolchain
    cargo = Path(other)
    return dataclasses.replace(toolchain, cargo=cargo, env={"RUSTC": str(cargo.parent / "rustc")})


@pytest.fixture(scope="session")
def cargo_program(host_toolchain: Toolchain) -> Path:
    """Return the Cargo that the tests use: the toolbox's, or the one that SNAPSTITCH_TEST_CARGO names."""
    return host_toolchain.cargo


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return surroundings without a network and with a cache of the test's own."""
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ=dict(os.environ), offline=True)


@pytest.fixture(scope="session")
def handoff(cli: Cli, cargo_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Handoff:
    """Return a generator bundle and two further machines; the one that made it is gone."""
    return make_handoff(cli, cargo_program, tmp_path_factory.mktemp("hand off"))


@pytest.fixture(scope="session")
def host(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Yield a host that is reached by SSH."""
    with running_sshd(cli, tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def engine(cli: Cli) -> Iterator[Engine]:
    """Yield a container engine."""
    with running_engine(cli) as running:
        yield running


@pytest.fixture(scope="session")
def registry(cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Yield a registry of images, which the engine reaches."""
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with running_registry(program, tmp_path_factory.mktemp("registry")) as running, engine.reaches(running.port):
        yield running


IMAGE_TARGETS = ("amd64", "arm64", "armhf", "s390x")
TWO_TARGETS = ("arm64", "s390x")
"""Of these: what all variants are made for. Linux has no entry for the second on usual machines."""


@pytest.fixture(scope="session")
def pico_dist(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with finished builds of the example for all platforms that images are tested with."""
    directory = tmp_path_factory.mktemp("pico")
    for target in IMAGE_TARGETS:
        Built(cli, target, directory / target, out_dir=directory / "dist")
    return directory / "dist"


@pytest.fixture(scope="session")
def pico_options(pico_dist: Path) -> tuple[str | Path, ...]:
    """Return what names the builds of TWO_TARGETS on a command line that is about images."""
    targets = [word for target in TWO_TARGETS for word in ("--target", target)]
    return ("image", "--runtime", "pico", "--dist", pico_dist, *targets)


@pytest.fixture(scope="session")
def scratch_layout(cli: Cli, pico_options: tuple[str | Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's image without a base, written without an engine."""
    place = tmp_path_factory.mktemp("image") / "layout"
    made = cli.run(*pico_options, "--layout", place)
    assert made.exit_code == 0, made.stderr
    assert made.result["tags"] == ["0.1.0-scratch", "0.1-scratch", "scratch"]
    return place


@pytest.fixture(scope="session")
def forked(cli: Cli) -> Iterator[ForkedCli]:
    """Yield the command line for many short runs."""
    with forking(cli) as running:
        yield running


@pytest.fixture(scope="session")
def project(forked: ForkedCli, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return finished builds and images of theirs, for tests of registries."""
    return make_project(forked, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def registry_program(cli: Cli) -> Path:
    """Return Debian's docker-registry."""
    return unpacked(cli, "docker-registry") / "usr/bin/docker-registry"


@pytest.fixture
def make(tmp_path: Path, host_toolchain: Toolchain, context: Context) -> Make:
    """Return a function that lays a workspace out, with a lock file."""

    def new(workspace: Workspace) -> Bench:
        directory = workspace.write(tmp_path / "sources")
        generate_lock(directory, host_toolchain)
        return Bench(
            workspace=workspace,
            directory=directory,
            work_dir=tmp_path / "work",
            toolchain=host_toolchain,
            context=context,
        )

    return new
