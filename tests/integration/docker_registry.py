"""Debian's docker-registry on loopback, with all that it keeps in a directory of the tests."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from .command import Cli
from .packages import unpacked

START_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registry:
    """A running registry, which takes whatever it is given."""

    port: int

    @property
    def host(self) -> str:
        """Return host and port, as names of images begin."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def running_registry(cli: Cli, directory: Path) -> Iterator[Registry]:
    """Start a registry and stop it again."""
    program = unpacked(cli, "docker-registry") / "usr/bin/docker-registry"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        registry = Registry(port=probe.getsockname()[1])
    config = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": registry.host, "secret": "of the tests"},
    }
    # JSON is YAML, too.
    (directory / "config.yml").write_text(json.dumps(config))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "serve", str(directory / "config.yml")],
            env={}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _await(registry.host, process, directory / "log")
        yield registry
    finally:
        process.kill()
        process.wait()


def _await(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"the registry does not start:\n{log.read_text()}")
