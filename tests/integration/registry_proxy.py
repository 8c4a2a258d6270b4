"""Stands in front of a registry and does to chosen requests what bad days do."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator

from .registry import RunningRegistry

_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length"})


@dataclasses.dataclass(kw_only=True)
class Fault:
    """What happens to requests that match ``METHOD /path``."""

    pattern: str
    times: int = 1
    skip: int = 0
    """So many matching requests pass before."""
    status: int | None = None
    """Answered in the registry's place."""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    cut_after_bytes: int | None = None
    """So much of the body reaches the registry, then both connections are cut."""
    before: Callable[[], None] | None = None
    """Called before the request is passed on, which it is not when this returns."""
    after: Callable[[], None] | None = None
    """Called when the registry has answered, in place of handing the answer on."""


@dataclasses.dataclass(kw_only=True)
class Proxy:
    """A proxy that listens."""

    host: str
    behind: RunningRegistry
    faults: list[Fault] = dataclasses.field(default_factory=list)
    seen: list[str] = dataclasses.field(default_factory=list)
    bodies: list[int] = dataclasses.field(default_factory=list)
    """Bytes that came with requests that were passed on."""

    token: tuple[str, str] | None = None
    """Bearer token that requests must have, and the challenge for those that have none."""

    ranges: list[str] = dataclasses.field(default_factory=list)
    """Each ``Content-Range`` that came."""

    uploads: dict[str, str] | None = None
    """Where the registry goes on with each upload. When this is not None, the proxy keeps that to itself, as registries
    do whose addresses hold no state, and what came of a request that is cut is stored: docker-registry stores it, too,
    but then knows the address no more."""

    def tags(self, path: str) -> dict[str, str]:
        """Return the tags that the registry behind has."""
        return self.behind.tags(path)

    def fault_for(self, line: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, line):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def handle_any(self) -> None:
        try:
            self._handle()
        except ConnectionError:
            self.close_connection = True

    def _handle(self) -> None:
        line = f"{self.command} {self.path}"
        self.proxy.ranges += [value] if (value := self.headers.get("Content-Range")) else []
        self.path = self._address(self.path)
        length = int(self.headers.get("Content-Length", 0))
        self.proxy.seen.append(line)
        fault = self.proxy.fault_for(line)
        wanted = self.proxy.token
        if wanted and self.headers.get("Authorization") != f"Bearer {wanted[0]}":
            self.rfile.read(length)
            self._answer(401, {"WWW-Authenticate": wanted[1]}, b"{}")
        elif fault and fault.status:
            self.rfile.read(length)
            self._answer(fault.status, fault.headers, b"{}")
        elif fault and fault.before:
            fault.before()
            self.close_connection = True
        elif fault and fault.cut_after_bytes is not None:
            self._cut(length, fault.cut_after_bytes)
        else:
            self._pass(length, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815 - the names that http.server wants

    def _pass(self, length: int, fault: Fault | None) -> None:
        body = self.rfile.read(length)
        self.proxy.bodies.append(length)
        connection = http.client.HTTPConnection(self.proxy.behind.host, timeout=60)
        with contextlib.closing(connection):
            headers = dict(self.headers)
            if self.proxy.token:
                headers.pop("Authorization", None)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if fault and fault.after:
                fault.after()
                self.close_connection = True
                return
            self._remember(answer)
            answered = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            if self.command == "HEAD":
                answered["Content-Length"] = answer.getheader("Content-Length", "0")
            self._answer(answer.status, answered, content)

    def _address(self, path: str) -> str:
        """Return where the registry knows an upload that the client names without its state."""
        upload, _mark, query = path.partition("?")
        known = (self.proxy.uploads or {}).get(upload)
        return f"{known}&{query}".rstrip("&") if known else path

    def _remember(self, answer: http.client.HTTPResponse) -> None:
        """Take the state out of the address that the registry gave an upload."""
        location = urllib.parse.urlsplit(answer.headers.get("Location", ""))
        if self.proxy.uploads is not None and "_state=" in location.query:
            self.proxy.uploads[location.path] = f"{location.path}?{location.query}"
            del answer.headers["Location"]
            answer.headers["Location"] = location.path

    def _cut(self, length: int, after_bytes: int) -> None:
        if self.proxy.uploads is not None:
            self._store(min(length, after_bytes))
            return
        name, _colon, port = self.proxy.behind.host.partition(":")
        connection = http.client.HTTPConnection(name, int(port), timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True)
            for header, value in self.headers.items():
                connection.putheader(header, value)
            connection.endheaders()
            connection.send(self.rfile.read(min(length, after_bytes)))
        self.close_connection = True

    def _store(self, length: int) -> None:
        """Have the registry store the first *length* bytes, and cut the client's connection."""
        connection = http.client.HTTPConnection(self.proxy.behind.host, timeout=60)
        with contextlib.closing(connection):
            headers = {"Host": self.headers["Host"], "Content-Type": self.headers["Content-Type"]}
            connection.request(self.command, self.path, self.rfile.read(length), headers)
            self._remember(connection.getresponse())
        self.close_connection = True

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def running_proxy(behind: RunningRegistry) -> Iterator[Proxy]:
    """Start a proxy in front of a registry."""
    proxy = Proxy(host="", behind=behind)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        proxy.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
