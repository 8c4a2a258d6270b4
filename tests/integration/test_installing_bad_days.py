"""Bad days with the real npm: each ends with an addon that works, or with a message and no broken package.

Those that need no npm are tests/unit/data/prebuild_loader and tests/unit/installing (docs/installing.md has the table).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import http.client
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.target import target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.toolchains.node import Node, ensure_host_node

from .command import Cli
from .npm_registry import Registry
from .ordinary import USER_ID, as_user
from .tiny_addon import MAPPED, NODE, Project, begin_project, make_tiny, serving

HERE = target_of_machine(os.uname().machine)
HANGS = "#include <unistd.h>\n__attribute__((constructor)) static void hang(void) { for (;;) pause(); }\n"

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.fixture(scope="module")
def context(cli: Cli) -> Context:
    return Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))


@pytest.fixture(scope="module")
def node(context: Context) -> Node:
    return ensure_host_node(NODE, context)


@pytest.fixture(scope="module")
def made(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what ``prebuild`` wrote of a tiny addon: packages of both styles."""
    assert HERE is not None
    return make_tiny(cli, tmp_path_factory.mktemp("tiny"), HERE, "--libc", "glibc")


@pytest.fixture(scope="module")
def registry(made: Path, node: Node, context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serving(made, "split", node, context, tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def project(registry: Registry, node: Node, host_toolchain: Toolchain, tmp_path: Path) -> Project:
    begun = begin_project(tmp_path, registry, node, host_toolchain)
    return dataclasses.replace(begun, compiler=begun.compiler | {"npm_config_cache": str(tmp_path / ".npm")})


def prebuilt() -> str:
    assert HERE is not None
    return f"tiny-linux-{HERE.node_arch}-glibc/prebuilds/linux-{HERE.node_arch}/tiny.glibc.node"


BUILT = "tiny/build/Release/tiny.node"


@dataclasses.dataclass
class Cutter:
    """A proxy of the registry that cuts or refuses what *bad* says."""

    port: int
    bad: Callable[[str], str | None]
    url: str = ""


class _Handler(http.server.BaseHTTPRequestHandler):
    cutter: Cutter

    def do_GET(self) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.cutter.port, timeout=60)) as upstream:
            upstream.request("GET", self.path, headers=dict(self.headers.items()))
            answer = upstream.getresponse()
            content = answer.read()
        how = self.cutter.bad(self.path)
        if how == "down":
            self.send_error(503)
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if how == "cut" else content)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def cutting(project: Project, bad: Callable[[str], str | None]) -> Iterator[Project]:
    """Yield the project with the registry behind a proxy that misbehaves."""
    port = urllib.parse.urlsplit(project.registry.url).port
    assert port is not None
    cutter = Cutter(port=port, bad=bad)
    handler = type("Bound", (_Handler,), {"cutter": cutter})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}).start()
        url = f"http://127.0.0.1:{listener.server_address[1]}/"
        try:
            yield dataclasses.replace(project, registry=dataclasses.replace(project.registry, url=url))
        finally:
            listener.shutdown()


def is_platform_tarball(path: str) -> bool:
    return "/-/tiny-linux-" in path


@pytest.mark.parametrize("how", ["cut", "down"])
def test_the_registry_fails_in_the_middle(project: Project, how: str) -> None:
    """npm leaves the optional package out, without a word; our install script notices, and builds."""
    with cutting(project, lambda path: how if is_platform_tarball(path) else None) as behind:
        ended = behind.install()
    assert "fits, but is not in the package, and it is to be had nowhere else" in ended.stdout
    assert project.mapped() == [BUILT]


def test_the_registry_fails_altogether(project: Project) -> None:
    with cutting(project, lambda path: "cut" if path.endswith(".tgz") else None) as behind:
        ended = behind.npm("install", "tiny@1.0.0", "--foreground-scripts")
    assert ended.exit_code != 0
    assert not list((project.directory / "node_modules").rglob("*.node"))
    # Nothing of it is in the way of the next one.
    project.install()
    assert project.mapped() == [prebuilt()]


def test_npms_cache_is_damaged(project: Project) -> None:
    """npm compares, and says so; what it tells the user to do helps."""
    project.install()
    for path in (project.directory / ".npm/_cacache/content-v2").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    shutil.rmtree(project.directory / "node_modules")
    ended = project.npm("install", "tiny@1.0.0", "--prefer-offline")
    assert (ended.exit_code, "npm error code EINTEGRITY" in ended.stderr) == (1, True), ended.stderr
    assert project.npm("cache", "verify").exit_code == 0
    project.install("--prefer-offline")
    assert project.mapped() == [prebuilt()]


def test_npms_cache_belongs_to_somebody_else(project: Project, seen_by_all: Path) -> None:
    """npm says that it may not read it; with another cache the installation works."""
    npm = seen_by_all / "npm"
    shutil.copytree(project.registry.npm.cli.parents[1], npm)
    shutil.copy(project.node.program, seen_by_all / "node")
    app, cache = seen_by_all / "app", seen_by_all / "cache"
    app.mkdir()
    (app / "package.json").write_text('{"private": true}')
    cache.mkdir(mode=0)
    if os.geteuid() == 0:
        for path in (app, app / "package.json"):
            os.chown(path, USER_ID, USER_ID)

    def install(cache: Path) -> subprocess.CompletedProcess[str]:
        npm_cli = str(npm / "bin/npm-cli.js")
        argv = (*as_user(), str(seen_by_all / "node"), npm_cli, "install", "tiny@1.0.0", "--no-audit")
        options = (*project.registry.options(), "--foreground-scripts", "--cache", str(cache))
        env = {"PATH": f"{seen_by_all}:/usr/bin:/bin", "HOME": str(app)}
        return subprocess.run(
            [*argv, *options], cwd=app, env=env, capture_output=True, text=True, timeout=120, check=False
        )

    ended = install(cache)
    assert ended.returncode != 0
    assert "EACCES" in ended.stderr
    assert str(cache) in ended.stderr
    assert not list(app.rglob("*.node"))
    ended = install(app / "own-cache")
    assert ended.returncode == 0, ended.stderr
    assert "fits linux-" in ended.stdout
    assert dataclasses.replace(project, directory=app).mapped() == [prebuilt()]


def test_two_installations_at_once(project: Project) -> None:
    """In one project: npm itself has no lock, so that one may fail, or both; what is there afterwards works."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(project.npm, "install", "tiny@1.0.0", "--foreground-scripts") for _ in range(2)]
        ended = [job.result() for job in jobs]
    assert all(one.exit_code == 0 or ("npm error" in one.stderr and one.exit_code != 38) for one in ended), ended
    if not any(one.exit_code == 0 for one in ended):
        project.install()
    assert project.mapped() == [prebuilt()]
    # Both build, of which one waits for the other.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        argv = ("rebuild", "tiny", "--foreground-scripts", "--build-from-source")
        both = [job.result() for job in [pool.submit(project.npm, *argv) for _ in range(2)]]
    assert [ended.exit_code for ended in both] == [0, 0], both
    assert project.mapped() == [BUILT]


def test_an_addon_that_hangs(project: Project, made: Path, host_toolchain: Toolchain) -> None:
    """It is given half a minute, then the package is built; the file is as its manifest says, it just does not end."""
    compiler = host_toolchain.env[f"CC_{host_toolchain.target.env_suffix}"]
    project.install()
    source = project.directory / "hangs.c"
    source.write_text(HANGS)
    addon = project.directory / "node_modules" / prebuilt()
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", addon], check=True)
    own = project.directory / "node_modules/tiny/prebuilds/manifest.json"
    platform = addon.parents[1] / "manifest.json"
    for manifest in (own, platform):
        manifest.write_text(with_digest(manifest.read_text(), addon))
    ended = project.npm("rebuild", "tiny", "--foreground-scripts")
    assert ended.exit_code == 0, ended.stderr
    assert "it does not load: no end within 30 s" in ended.stdout
    assert project.mapped() == [BUILT]
    assert made.is_dir()


def with_digest(manifest: str, addon: Path) -> str:
    """Return the manifest as it would be if *addon* had been packed."""
    value = json.loads(manifest)
    for prebuild in value["prebuilds"]:
        if prebuild["path"].endswith(f"{addon.parent.name}/{addon.name}"):
            (file,) = prebuild["files"]
            file |= {"size_bytes": addon.stat().st_size, "sha256": hashlib.sha256(addon.read_bytes()).hexdigest()}
    return json.dumps(value)


@pytest.fixture
def seen_by_all() -> Iterator[Path]:
    """Yield a directory that other users can look into; pytest's own cannot be."""
    with tempfile.TemporaryDirectory(prefix="read-only-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_node_modules_that_cannot_be_written(project: Project, seen_by_all: Path) -> None:
    """An ordinary user loads what somebody else installed, and installing it again says that it is in order."""
    project.install()
    copy = seen_by_all / "app"
    shutil.copytree(project.directory / "node_modules", copy / "node_modules")
    node = seen_by_all / "node"
    shutil.copy(project.node.program, node)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        loaded = subprocess.run(
            [*as_user(), str(node), "-e", MAPPED], cwd=copy, env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (loaded.returncode, prebuilt() in loaded.stdout) == (0, True), loaded.stderr
        script = copy / "node_modules/tiny/prebuilds/loader/install.cjs"
        again = subprocess.run(
            [*as_user(), str(node), str(script)], cwd=script.parents[2], env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (again.returncode, again.stderr) == (0, "")
        assert "fits linux-" in again.stdout
        # What may not be read is passed over with a reason, not with a stack.
        addon = copy / "node_modules" / prebuilt()
        addon.chmod(0)
        unread = subprocess.run(
            [*as_user(), str(node), str(script)], cwd=script.parents[2], env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert unread.returncode == 38, unread.stderr
        assert f"{addon.name} cannot be read: EACCES" in unread.stderr
        addon.chmod(0o444)
        # A build would have to write: it says so, and leaves what is there.
        built = subprocess.run(
            [*as_user(), str(node), str(script)], cwd=script.parents[2],
            env={"PATH": "/usr/bin:/bin", "npm_config_build_from_source": "true"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert built.returncode == 38, built.stderr
        assert "cannot be written to, so that nothing can be built there" in built.stderr
    finally:
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)
