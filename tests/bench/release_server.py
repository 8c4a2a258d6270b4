"""Assembled releases on the loopback interface, at addresses like those of GitHub's pages.

``<base>/latest/download/NAME`` leads to ``<base>/download/TAG/NAME``
(https://docs.github.com/en/repositories/releasing-projects-on-github/linking-to-releases), and that to where the bytes
are.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Harm = Literal["cut", "flipped"]
"""What happens to a file on its way: it ends in the middle, or a byte in its middle is another one."""

_WINDOW_BYTES = 1024 * 1024
_STORED = "/stored"


class Releases:
    """What is served, and what was asked for."""

    def __init__(self, base: str) -> None:
        """Serve nothing yet, below the path *base*."""
        self.base = base.rstrip("/")
        self.directories: dict[str, Path] = {}
        """By tag."""
        self.latest = ""
        """Tag of the newest release."""
        self.harm: dict[str, Harm] = {}
        """By the ending of the file's name."""
        self.asked: list[str] = []
        """What was asked for below the base, in order."""

    def find(self, path: str) -> Path | str | None:
        """Return the file that *path* names, or where it leads, None when there is nothing."""
        if path.startswith(f"{_STORED}/"):
            return self._file(path.removeprefix(f"{_STORED}/"))
        inside = path.removeprefix(f"{self.base}/")
        self.asked.append(inside)
        if inside.startswith("latest/download/") and self.latest:
            return f"{self.base}/download/{self.latest}/{inside.removeprefix('latest/download/')}"
        place = inside.removeprefix("download/")
        return f"{_STORED}/{place}" if inside != place and self._file(place) else None

    def _file(self, place: str) -> Path | None:
        tag, _slash, name = place.partition("/")
        directory = self.directories.get(tag)
        found = directory / name if directory and "/" not in name and name not in {"", ".."} else None
        return found if found and found.is_file() else None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    releases: Releases

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        found = self.releases.find(urllib.parse.unquote(urllib.parse.urlsplit(self.path).path))
        if isinstance(found, Path):
            self._send(found)
            return
        self.send_response(302 if found else 404)
        if found:
            self.send_header("Location", found)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, path: Path) -> None:
        harm = next((harm for ending, harm in self.releases.harm.items() if path.name.endswith(ending)), None)
        size_bytes = path.stat().st_size
        self.send_response(200)
        self.send_header("Content-Length", str(size_bytes))
        self.end_headers()
        if self.command == "HEAD":
            return
        with path.open("rb") as stream:
            while window := stream.read(_WINDOW_BYTES):
                at, middle = stream.tell() - len(window), size_bytes // 2
                if harm and at <= middle < at + len(window):
                    before, byte, after = window[: middle - at], window[middle - at], window[middle - at + 1 :]
                    if harm == "cut":
                        self.wfile.write(before)
                        self.close_connection = True
                        return
                    window = before + bytes([byte ^ 0xFF]) + after
                self.wfile.write(window)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


@contextlib.contextmanager
def serving(releases: Releases, port: int = 0) -> Iterator[int]:
    """Serve *releases* at *port*, or at a free one, and yield it."""
    bound = type("Bound", (_Handler,), {"releases": releases})
    with _Server(("127.0.0.1", port), bound) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
