"""A mirror on loopback, and a machine whose apt sources name it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.server
import os
import shutil
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from pipeline.apt.sources import AptSettings
from pipeline.context import Context
from pipeline.model.build import ToolchainMode
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.stages.building.toolbox import ToolboxInputs
from pipeline.toolchains.request import Machine

REPOSITORY = Path(__file__).parent.parent / "data/apt/repository"
CHUNK_BYTES = 256


class Warnings(NullReporter):
    """A reporter that keeps what it is warned of."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@dataclasses.dataclass(kw_only=True)
class Mirror:
    """A copy of the test repository that is being served."""

    directory: Path
    uri: str
    requests: list[str]
    chunk_delay_s: float = 0.0
    """Pause after each piece of a package file."""

    def packages_requested(self) -> list[str]:
        """Return name and architecture of each package file that was asked for."""
        return [package_of(path) for path in self.requests if path.endswith(".deb")]


def package_of(path: str) -> str:
    """Return name and architecture in a package's file name, which may or may not have the epoch."""
    name, _version, architecture = path.rsplit("/", 1)[-1].removesuffix(".deb").split("_")
    return f"{name}:{architecture}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self) -> None:
        self.path = urllib.parse.unquote(self.path)
        self.mirror.requests.append(self.path)
        if self.path.endswith(".deb") and self.mirror.chunk_delay_s:
            self._send_slowly(self.mirror.directory / self.path.split("/debian/", 1)[1])
        else:
            super().do_GET()

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/debian"))

    def _send_slowly(self, path: Path) -> None:
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(content), CHUNK_BYTES):
                self.wfile.write(content[start : start + CHUNK_BYTES])
                self.wfile.flush()
                time.sleep(self.mirror.chunk_delay_s)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it that
        del format, args


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Mirror]:
    """Serve a fresh copy of the test repository, to be damaged at will, on a loopback port."""
    shutil.copytree(REPOSITORY, directory)
    handler = type("Handler", (_Handler,), {})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(directory))
    ) as server:
        uri = f"http://127.0.0.1:{server.server_address[1]}/debian"
        handler.mirror = Mirror(directory=directory, uri=uri, requests=[])  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield handler.mirror  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def machine_for(uri: str, directory: Path) -> Machine:
    """Return a Debian 12 machine whose sources name the archive at *uri*, and a third party's."""
    sources = directory / "apt/sources.list.d"
    sources.mkdir(parents=True, exist_ok=True)
    (sources / "debian.sources").write_text(
        f"Types: deb\nURIs: {uri}\nSuites: bookworm bookworm-security\nComponents: main\n"
    )
    (sources / "other.list").write_text("deb http://127.0.0.1:9/other bookworm main\n")
    os_release = directory / "os-release"
    os_release.write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    return Machine(
        os_release_path=os_release, apt_dir=directory / "apt", kernel_machine="x86_64", root=directory / "root"
    )


def inputs_for(
    uri: str, directory: Path, packages: tuple[str, ...] = ("libvm-dev",), mode: ToolchainMode = "private"
) -> ToolboxInputs:
    """Return what asks for an arm64 toolbox from the archive at *uri*."""
    return ToolboxInputs(
        target=find_target("arm64"),
        sysroot_packages=packages,
        mode=mode,
        settings=AptSettings(keyring=REPOSITORY / "keyring.gpg"),
        machine=machine_for(uri, directory),
    )


def context_in(cache_dir: Path, *, offline: bool = False) -> tuple[Context, Warnings]:
    """Return surroundings without proxies, and what is warned of in them."""
    reporter = Warnings()
    environ = {"PATH": os.environ["PATH"], "HOME": str(cache_dir.parent), "no_proxy": "127.0.0.1"}
    return Context(cache_dir=cache_dir, reporter=reporter, environ=environ, offline=offline), reporter
