"""Debian's docker-registry on loopback, with logins or without, and what stands in front of it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USER, PASSWORD = "publisher", "tr0ub4dor"
_PASSWORD_HASH = "$2b$04$diDMbfnw/k8mEOBI9XyqQOKj/0rmqmh3RHK4S.exGMpvleYyEgBZa"
"""Of PASSWORD, by bcrypt."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunningRegistry:
    """A registry that listens."""

    host: str
    """Address and port."""
    data_dir: Path
    pid: int = 0

    @property
    def port(self) -> int:
        """Return the port that it listens at, on the loopback interface."""
        return int(self.host.rpartition(":")[2])

    def tags(self, path: str) -> dict[str, str]:
        """Return each tag of the repository *path* with its digest, as they lie on its disk."""
        place = self.data_dir / "docker/registry/v2/repositories" / path / "_manifests/tags"
        return {link.parts[-3]: link.read_text() for link in place.glob("*/current/link")} if place.is_dir() else {}


@contextlib.contextmanager
def running_registry(
    program: Path, directory: Path, *, auth: dict[str, object] | None = None, data_dir: Path | None = None
) -> Iterator[RunningRegistry]:
    """Start a registry that keeps its data below *directory*, and stop it at the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    data_dir = data_dir or directory / "data"
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data_dir)}, "delete": {"enabled": True}},
        "http": {"addr": host, "secret": "of the tests"}, **({"auth": auth} if auth else {}),
    }  # fmt: skip
    path = directory / "config.yml"
    path.write_text(json.dumps(config))  # YAML, too
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        registry = RunningRegistry(host=host, data_dir=data_dir, pid=process.pid)
        try:
            _await(registry, process, directory / "log")
            yield registry
        finally:
            process.kill()
            process.wait()


def _await(registry: RunningRegistry, process: subprocess.Popen[bytes], log: Path) -> None:
    for _attempt in range(200):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", registry.port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the registry does not listen:\n{log.read_text()}")


def htpasswd(directory: Path) -> dict[str, object]:
    """Return settings of a registry that wants user and password."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "htpasswd"
    path.write_text(f"{USER}:{_PASSWORD_HASH}\n")
    return {"htpasswd": {"realm": "tests", "path": str(path)}}


def docker_config(directory: Path, host: str, password: str = PASSWORD) -> dict[str, str]:
    """Write what ``docker login`` would; return the variable that names it."""
    directory.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(directory)}


def send_image(registry: RunningRegistry, path: str, layout: Path, *, platform: bool = False) -> None:
    """Put an OCI layout into a registry by hand, with the tag 1: its index, or the manifest of its first platform."""
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    if platform:
        top = json.loads(_content(layout, top))["manifests"][0]
    with contextlib.closing(http.client.HTTPConnection(registry.host)) as connection:
        _send(connection, path, layout, top, name="1")


def _content(layout: Path, descriptor: dict[str, Any]) -> bytes:
    digest: str = descriptor["digest"]
    return (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def _send(
    connection: http.client.HTTPConnection, path: str, layout: Path, descriptor: dict[str, Any], name: str
) -> None:
    content = _content(layout, descriptor)
    described = json.loads(content)
    for part in described.get("manifests", ()):
        _send(connection, path, layout, part, part["digest"])
    blobs = [described["config"], *described["layers"]] if "layers" in described else []
    for blob in blobs:
        place = _asked(connection, "POST", f"/v2/{path}/blobs/uploads/", b"")
        _asked(connection, "PUT", f"{place}&digest={blob['digest']}", _content(layout, blob))
    _asked(connection, "PUT", f"/v2/{path}/manifests/{name}", content, descriptor["mediaType"])


def _asked(
    connection: http.client.HTTPConnection,
    method: str,
    address: str,
    content: bytes,
    media_type: str = "application/octet-stream",
) -> str:
    connection.request(method, address, content, {"Content-Type": media_type})
    answer = connection.getresponse()
    answer.read()
    assert answer.status in {201, 202}, f"{method} {address}: {answer.status}"
    return answer.headers.get("Location", "")
