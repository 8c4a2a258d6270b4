"""A real container engine from Debian's packages, in namespaces of its own, with all that it keeps in one directory.

Debian 12 has no buildx, and Debian 13's runc needs a newer C library than Debian 12 has: the engine is Debian 13's, and
what it starts containers with is the machine's own release's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import docker

from pipeline.model.target import Target

from .command import Cli
from .other_network import done_there, reachable_there, start_loopback
from .packages import unpacked

ENGINE_SUITE = "trixie"
ENGINE_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "containerd", "tini")
MACHINE_PACKAGES = ("runc", "libseccomp2", "libsystemd0", "libcap2")
EMULATOR_PACKAGE = "qemu-user-static"
START_TIMEOUT_S = 30
DATA_SIZE = "8g"
"""At most; what is not used takes no memory."""
IDS = 65_536
"""User and group numbers that the engine has. It may not have all: runc would take it for the machine's own root."""
_MAGIC_DIR = "usr/lib/binfmt.d"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Engine:
    """A running engine."""

    host: str
    """What DOCKER_HOST is to be."""
    path_dirs: str
    """Where its command line lies, as a PATH."""
    library_dir: Path
    directory: Path
    """Everything that it keeps; its images are in memory."""
    emulators: Path
    """Root with static emulators, and with what the kernel knows their programs by."""
    pid: int = 0
    """Process whose end ends the engine and all its containers."""
    root_pid: int = 0
    """Process inside its namespaces."""

    def environ(self) -> dict[str, str]:
        """Return the variables with which the engine's own command line runs."""
        return {
            "PATH": f"{self.path_dirs}:/usr/bin:/bin",
            "LD_LIBRARY_PATH": str(self.library_dir),
            "DOCKER_HOST": self.host,
            "DOCKER_CONFIG": str(self.directory / "config"),
        }

    def containers(self) -> list[str]:
        """Return the ids of all containers, those that have ended included."""
        with contextlib.closing(docker.DockerClient(self.host)) as client:
            return [str(container.id) for container in client.containers.list(all=True)]

    def docker(
        self, *words: str | Path, cwd: Path | None = None, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the engine's command line."""
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{self.root_pid}/ns/net", "docker", *map(str, words)],
            env=self.environ() | dict(env or {}), cwd=cwd, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"docker {' '.join(map(str, words))}:\n{done.stdout}{done.stderr}"
        return done

    def reaches(self, port: int) -> contextlib.AbstractContextManager[None]:
        """Make a port of this machine's loopback reachable for the engine, which has a network of its own."""
        return reachable_there(self.root_pid, port)

    @property
    def binfmt_dir(self) -> Path:
        """Return the kernel's table of emulators as the engine's containers have it, and nothing else has it."""
        return Path(f"/proc/{self.root_pid}/root{self.directory}/binfmt")

    def emulated(self) -> list[str]:
        """Return the names of emulators that the kernel runs other architectures' programs with, in containers."""
        return sorted(path.name for path in self.binfmt_dir.iterdir() if path.name not in {"register", "status"})

    def emulate(self, target: Target) -> None:
        """Have programs of *target* run in containers."""
        (line,) = (self.emulators / _MAGIC_DIR / f"qemu-{target.qemu_name}.conf").read_text().splitlines()
        _empty, name, kind, offset, magic, mask, _interpreter, _flags = line.split(":")
        program = self.emulators / f"usr/bin/qemu-{target.qemu_name}-static"
        # F: the emulator is opened now, so that containers need not have it
        # (https://docs.kernel.org/admin-guide/binfmt-misc.html).
        fields = ("", name, kind, offset, magic, mask, str(program), "F")
        if name not in self.emulated():
            (self.binfmt_dir / "register").write_text(":".join(fields))


@contextlib.contextmanager
def running_engine(cli: Cli) -> Iterator[Engine]:
    """Start an engine and stop it again, with all that it kept."""
    assert os.geteuid() == 0, "a container engine needs root; `-m 'not root'` leaves these tests out"
    root, machine = unpacked(cli, *ENGINE_PACKAGES, suite=ENGINE_SUITE), unpacked(cli, *MACHINE_PACKAGES)
    # A socket's path is short: 108 bytes (unix(7)).
    directory = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
    engine = Engine(
        host=f"unix://{directory}/socket",
        path_dirs=f"{machine}/usr/sbin:{root}/usr/sbin:{root}/usr/bin",
        library_dir=next((machine / "usr/lib").glob("*-linux-gnu*")),
        directory=directory,
        emulators=unpacked(cli, EMULATOR_PACKAGE),
    )
    for name in ("binfmt", "data"):
        (directory / name).mkdir()
    plugins = directory / "config/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(root / "usr/libexec/docker/cli-plugins/docker-buildx")
    try:
        with _started(engine) as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _started(engine: Engine) -> Iterator[Engine]:
    directory = engine.directory
    argv = [
        "dockerd", "--host", engine.host, "--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec",
        "--pidfile", f"{directory}/pid", "--config-file", f"{directory}/daemon.json",
        "--iptables=false", "--ip6tables=false", "--ip-forward=false",
    ]  # fmt: skip
    # Images for several platforms need containerd's store.
    (directory / "daemon.json").write_text('{"features": {"containerd-snapshotter": true}}')
    environ = {**engine.environ(), "PATH": f"{engine.path_dirs}:/usr/sbin:/usr/bin:/sbin:/bin"}
    with (directory / "log").open("wb") as log:
        process = _in_namespaces(environ, log, _prepared(directory, argv))
    try:
        _await(engine, process, directory / "log")
        (inner,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        done_there(int(inner), start_loopback)
        yield dataclasses.replace(engine, pid=process.pid, root_pid=int(inner))
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        left = children.read_text().split() if process.poll() is None else []
        process.kill()
        process.wait()
        _await_end(left)


def _await_end(pids: list[str]) -> None:
    """Wait until processes run no more: until then they write to what is to be removed."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}/ns/pid").exists() for pid in pids):
        time.sleep(0.05)


def _prepared(directory: Path, argv: list[str]) -> list[str]:
    """Return what mounts in the engine's namespaces what it needs, and starts it."""
    # The table of emulators is that of the user namespace (Linux 6.7 and later).
    table = f"mount -t binfmt_misc binfmt_misc {directory}/binfmt"
    # Images are large, and written with an fsync for each blob; in memory they are gone with the namespace.
    data = f"mount -t tmpfs -o size={DATA_SIZE} tmpfs {directory}/data"
    # Others may keep sockets in /run.
    return ["sh", "-c", f'{table} && {data} && mount -t tmpfs tmpfs /run && exec "$@"', "sh", *argv]


def _in_namespaces(environ: Mapping[str, str], log: IO[bytes], argv: list[str]) -> subprocess.Popen[bytes]:
    """Start a program that is root in namespaces of its own: what it starts and mounts is gone with it."""
    inner = "exec unshare --mount --net --pid --cgroup --fork --kill-child --mount-proc"
    process = subprocess.Popen(
        ["unshare", "--user", "sh", "-c", f'read _ && {inner} "$@"', "sh", *argv],
        env=environ, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    own = Path("/proc/self/ns/user").readlink()
    while process.poll() is None and Path(f"/proc/{process.pid}/ns/user").readlink() == own:
        time.sleep(0.01)
    for table in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{table}").write_text(f"0 0 {IDS}\n")
    assert process.stdin
    with process.stdin as stdin:
        stdin.write(b"\n")
    return process


def _await(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if Path(engine.host.removeprefix("unix://")).exists():
            with contextlib.closing(docker.DockerClient(engine.host)) as client:
                client.ping()
            return
        time.sleep(0.1)
    raise AssertionError(f"the engine does not start:\n{log.read_text()}")
