"""A real container engine from the distribution's packages, with everything it keeps in a directory of the tests."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.package import Package
from pipeline.toolchains.planner import LISTS_FRESH_S, Planner
from pipeline.toolchains.request import Machine, ToolboxInputs

from .command import Cli

PACKAGES = ("docker.io", "runc", "tini")
START_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Engine:
    """A running engine."""

    host: str
    """What DOCKER_HOST is to be."""
    path_dirs: str
    """Where its command line lies, as a PATH."""
    library_dir: Path
    pid: int = 0
    """Process whose end ends the engine and all its containers."""

    def environ(self) -> dict[str, str]:
        """Return the variables with which the engine's own command line runs."""
        return {"PATH": f"{self.path_dirs}:/usr/bin:/bin", "LD_LIBRARY_PATH": str(self.library_dir)}

    def containers(self) -> list[str]:
        """Return the ids of all containers, those that have ended included."""
        with contextlib.closing(docker.DockerClient(self.host)) as client:
            return [str(container.id) for container in client.containers.list(all=True)]


@contextlib.contextmanager
def running_engine(cli: Cli) -> Iterator[Engine]:
    """Start an engine and stop it again, with all that it kept."""
    assert os.geteuid() == 0, "a container engine needs root; `-m 'not root'` leaves these tests out"
    root = engine_root(cli)
    # A socket's path is short: 108 bytes (unix(7)).
    directory = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
    engine = Engine(
        host=f"unix://{directory}/socket",
        path_dirs=f"{root}/usr/sbin:{root}/usr/bin",
        library_dir=next((root / "usr/lib").glob("*-linux-gnu*")),
    )
    try:
        with _started(engine, directory) as pid:
            yield dataclasses.replace(engine, pid=pid)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _started(engine: Engine, directory: Path) -> Iterator[int]:
    argv = [
        "dockerd", "--host", engine.host, "--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec",
        "--pidfile", f"{directory}/pid", "--config-file", f"{directory}/daemon.json", "--bridge", "none",
        "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs",
    ]  # fmt: skip
    (directory / "daemon.json").write_text("{}")
    program = shutil.which(argv[0], path=engine.environ()["PATH"])
    assert program, f"{PACKAGES[0]} holds no {argv[0]}"
    environ = {**engine.environ(), "PATH": f"{engine.path_dirs}:/usr/sbin:/usr/bin:/sbin:/bin"}
    with (directory / "log").open("wb") as log:
        # In namespaces of its own: whatever it starts and mounts is gone with it, however it ends.
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", program, *argv[1:]],
            env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _await(engine, process, directory / "log")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _await(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if Path(engine.host.removeprefix("unix://")).exists():
            with contextlib.closing(docker.DockerClient(engine.host)) as client:
                client.ping()
            return
        time.sleep(0.1)
    raise AssertionError(f"the engine does not start:\n{log.read_text()}")


def engine_root(cli: Cli) -> Path:
    """Return the directory in the tests' cache that the packages are unpacked in; it is made when it is not there."""
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    planner = Planner.for_machine(ToolboxInputs(target=Machine().host()), context, frozenset())
    apt = planner.apt_for(planner.host, planner.release)
    with fs.locked(apt.directory.parent / f"{apt.directory.name}.lock"):
        apt.prepare()
        if not apt.updated_within(LISTS_FRESH_S):
            apt.update()
        packages = apt.resolve(PACKAGES)
    root = cli.cache_dir / "engine" / fs.sha256_json([package.sha256 for package in packages])[:16]
    with fs.locked(root.with_suffix(".lock")):
        if not root.is_dir():
            _unpack(packages, apt, root, context)
    return root


def _unpack(packages: tuple[Package, ...], apt: PrivateApt, root: Path, context: Context) -> None:
    request = FetchRequest(
        packages=packages,
        packages_dir=root.parent / "packages",
        apt_config=apt.config_path,
        environ=context.environ,
        offline=False,
        reporter=context.reporter,
    )
    with fs.atomic_directory(root) as partial:
        prepare_root(partial)
        fetch(request, lambda _package, path: unpack(path, partial, context.environ))
