"""A real SSH server on loopback, with keys of its own, from the distribution's package."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.model.ssh import SshHost

from .command import Cli
from .packages import unpacked

PACKAGES = ("openssh-server", "libwrap0")
START_TIMEOUT_S = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sshd:
    """A running server: the host ``box`` of the client's configuration file."""

    directory: Path
    port: int
    pid: int

    @property
    def tmp_dir(self) -> Path:
        """Return what TMPDIR is there, as the server sees it."""
        return Path(f"/proc/{self.pid}/root{self.directory}/tmp of the host")

    def config(self, name: str = "config", *more: str, known: str | None = None) -> Path:
        """Write a configuration file for the client; *known* takes the place of the host's key."""
        key = known or (self.directory / "host.pub").read_text()
        (self.directory / f"{name}.known").write_text(f"[127.0.0.1]:{self.port} {' '.join(key.split()[:2])}\n")
        lines = [
            "Host box", "HostName 127.0.0.1", f"Port {self.port}", f'IdentityFile "{self.directory}/id"',
            "IdentitiesOnly yes", f'UserKnownHostsFile "{self.directory}/{name}.known"', *more,
        ]  # fmt: skip
        (self.directory / name).write_text("\n".join(lines) + "\n")
        return self.directory / name

    def address(self, *emulator: str) -> SshHost:
        """Return the host as executors take it."""
        return SshHost(address="box", config=self.config(), emulator=emulator)

    def cut(self) -> None:
        """End all connections, as a cable that is pulled does."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                stat = (process / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == self.pid:
                    os.kill(int(process.name), signal.SIGKILL)
                    for child in (process / "task" / process.name / "children").read_text().split():
                        line = Path("/proc", child, "cmdline").read_text()
                        if "sshd" in line:
                            os.kill(int(child), signal.SIGKILL)


@contextlib.contextmanager
def running_sshd(cli: Cli, directory: Path, *, disk_bytes: int | None = None) -> Iterator[Sshd]:
    """Start a server that keeps everything in *directory*, and stop it again.

    *disk_bytes*: what programs have for TMPDIR is a disk of this size, which takes root.
    """
    root = _server_root(cli)
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "tmp of the host").mkdir()
    library_dir = next((root / "usr/lib").glob("*-linux-gnu*"))
    start = f'exec env LD_LIBRARY_PATH="{library_dir}" "{root}/usr/sbin/sshd" -D -e -f "{_config(directory, port)}"'
    argv = ["sh", "-c", start]
    if os.geteuid() == 0:
        # A server that runs as root wants a user and a directory of its own: given to it, and to nobody else.
        users = f"{Path('/etc/passwd').read_text()}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
        (directory / "passwd").write_text(users)
        own = f'mount --bind "{directory}/passwd" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd'
        if disk_bytes is not None:
            own += f' && mount -t tmpfs -o size={disk_bytes} tmpfs "{directory}/tmp of the host"'
        argv = ["unshare", "-m", "sh", "-c", f"{own} && {start}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(port, process, directory / "log")
        yield Sshd(directory=directory, port=port, pid=process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _config(directory: Path, port: int) -> Path:
    lines = [
        f"Port {port}", "ListenAddress 127.0.0.1", f'HostKey "{directory}/host"',
        f'AuthorizedKeysFile "{directory}/id.pub"', f'PidFile "{directory}/pid"', "StrictModes no", "UsePAM no",
        "PasswordAuthentication no", "KbdInteractiveAuthentication no", f'SetEnv "TMPDIR={directory}/tmp of the host"',
        "AcceptEnv *",
    ]  # fmt: skip
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    return directory / "sshd_config"


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the server does not start:\n{log.read_text()}")


def _server_root(cli: Cli) -> Path:
    """Return where the server lies: the system's, or the package's, unpacked in the tests' cache."""
    return Path("/") if shutil.which("sshd", path="/usr/sbin") else unpacked(cli, *PACKAGES)
