"""A real npm registry (verdaccio, from npm) on the loopback, with nothing in it but what a test publishes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.sources.npm import Npm

VERSION = "6.2.1"
# It asks for a tag of this package that not every mirror keeps.
_OVERRIDES = {"node-fetch": "2.7.0"}
_CONFIG = """
storage: {storage}
uplinks: {{}}
packages:
  '**':
    access: $all
    publish: $all
    unpublish: $all
middlewares:
  audit:
    enabled: false
web:
  enable: false
log: {{ type: stdout, format: pretty, level: warn }}
"""
_START_TIMEOUT_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registry:
    """A running registry."""

    url: str
    npm: Npm
    context: Context
    directory: Path

    def options(self) -> tuple[str, ...]:
        """Return what makes npm ask this registry, and no other; it wants to see a token, whatever it says."""
        host = self.url.removeprefix("http:")
        return ("--registry", self.url, f"--{host}:_authToken=any", "--fetch-retries=0")

    def publish(self, tarball: Path) -> None:
        command = self.npm.command(
            self.context, self.directory,
            "publish", str(tarball), "--ignore-scripts", "--access=public", *self.options(),
        )  # fmt: skip
        ended = subprocess.run(
            command.argv, cwd=self.directory, env=dict(command.env), capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr

    def fetch_and_publish(self, package: str) -> None:
        """Publish here what the user's own registry has."""
        command = self.npm.command(self.context, self.directory, "pack", "--json", "--ignore-scripts", package)
        ended = subprocess.run(command.argv, cwd=self.directory, env=dict(command.env), check=True, capture_output=True)
        (packed,) = json.loads(ended.stdout)
        self.publish(self.directory / packed["filename"])


def ensure_verdaccio(npm: Npm, context: Context) -> Path:
    """Return the script that starts it; the tests of all runs share it."""
    final = context.cache_dir / "test-tools" / f"verdaccio-{VERSION}"
    with fs.locked_beside(final, hidden=True):
        if not final.is_dir():
            with fs.atomic_directory(final) as staging:
                (staging / "package.json").write_text(json.dumps({"private": True, "overrides": _OVERRIDES}))
                command = npm.command(context, staging, "install", "--ignore-scripts", f"verdaccio@{VERSION}")
                subprocess.run(command.argv, cwd=staging, env=dict(command.env), check=True, capture_output=True)
    return final / "node_modules/verdaccio/bin/verdaccio"


@contextlib.contextmanager
def running_registry(npm: Npm, context: Context, directory: Path) -> Iterator[Registry]:
    """Yield a registry whose packages lie below *directory*."""
    script = ensure_verdaccio(npm, context)
    config = directory / "config.yaml"
    config.write_text(_CONFIG.format(storage=directory / "storage"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(npm.node), str(script), "--config", str(config), "--listen", f"127.0.0.1:{port}"],
            cwd=directory, env={"PATH": os.environ["PATH"], "HOME": str(directory)}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait(url, process, directory / "log")
            yield Registry(url=url, npm=npm, context=context, directory=directory)
        finally:
            process.terminate()
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(f"{url}-/ping"):
            return
        time.sleep(0.2)
    raise AssertionError(f"no registry came up: {log.read_text()}")
