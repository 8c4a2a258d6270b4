"""npm on another machine: an emulated root with musl, in which whatever npm and Node start is emulated, too.

The whole matrix is `python -m tests.bench.bench_clients` (docs/prebuilds.md); this is its cheapest row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target, target_of_machine
from pipeline.toolchains.node import ensure_host_node

from .client_machines import ALPINE_RELEASE, Machine, mixed_machine, musl_machine
from .command import Cli
from .npm_registry import Registry
from .tiny_addon import MAPPED, NODE, make_tiny, serving

ARM64 = find_target("arm64")

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.fixture(scope="module")
def context(cli: Cli) -> Context:
    return Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))


@pytest.fixture(scope="module")
def registry(cli: Cli, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Yield a registry with a tiny addon for arm64 with musl, in a package of its own."""
    made = make_tiny(cli, tmp_path_factory.mktemp("tiny"), ARM64, "--libc", "musl")
    node = ensure_host_node(NODE, context)
    with serving(made, "split", node, context, tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def machine(context: Context) -> Machine:
    """Return a machine with musl that has no file of Alpine's: the loader asks the process itself."""
    return musl_machine(ARM64, NODE, context)


def test_npm_installs_the_package_of_the_machine_it_runs_on(
    machine: Machine, registry: Registry, context: Context, tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text('{"private": true}')
    options = ("--foreground-scripts", "--no-audit", "--cache", str(tmp_path / ".npm"), *registry.options())
    ended = machine.run(tmp_path, context, machine.npm, "install", "tiny@1.0.0", *options, env={})
    said = (ended.stdout + ended.stderr).decode()
    assert ended.exit_code == 0, said
    # It was tried by a second Node: here children are emulated, too.
    assert "prebuilds: tiny 1.0.0: prebuilds/linux-arm64/tiny.musl.node fits linux-arm64, musl 1.2.5, Node-API" in said
    assert "was not run" not in said
    ended = machine.run(tmp_path, context, "-e", MAPPED, env={})
    assert ended.exit_code == 0, ended.stderr.decode()
    place = "node_modules/tiny-linux-arm64-musl/prebuilds/linux-arm64/tiny.musl.node"
    assert json.loads(ended.stdout) == {"answer": 42, "mapped": [str(tmp_path / place)]}
    assert machine.libc is Libc.MUSL


def test_a_machine_with_both_c_libraries(cli: Cli, context: Context, tmp_path: Path) -> None:
    """It has glibc; musl is installed beside it, and a file says that it is Alpine: the process itself is asked."""
    here = target_of_machine(os.uname().machine)
    assert here is not None
    made = make_tiny(cli, tmp_path / "tiny", here)
    machine, app = mixed_machine(here, NODE, context), tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text('{"private": true}')
    ended = machine.run(app, context, "-p", f"fs.existsSync('/{ALPINE_RELEASE}')", env={})
    assert ended.stdout == b"true\n", ended.stderr.decode()
    with serving(made, "one", ensure_host_node(NODE, context), context, tmp_path) as registry:
        options = ("--foreground-scripts", "--no-audit", "--cache", str(app / ".npm"), *registry.options())
        ended = machine.run(app, context, machine.npm, "install", "tiny@1.0.0", *options, env={})
    said = (ended.stdout + ended.stderr).decode()
    assert ended.exit_code == 0, said
    assert f"prebuilds/linux-{here.node_arch}/tiny.glibc.node fits linux-{here.node_arch}, glibc 2.36, Node-API" in said
    ended = machine.run(app, context, "-e", MAPPED, env={})
    place = f"node_modules/tiny/prebuilds/linux-{here.node_arch}/tiny.glibc.node"
    assert json.loads(ended.stdout) == {"answer": 42, "mapped": [str(app / place)]}, ended.stderr.decode()
