"""GitHub on the loopback interface: two servers, a world behind them, and a schedule of faults."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import re
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.unit.github.world import TOKEN, RefusalError, World

WINDOW_BYTES = 256 * 1024

ROUTES: tuple[tuple[str, str, str], ...] = (
    ("repository", "GET", r"/repos/owner/app"),
    ("list-releases", "GET", r"/repos/owner/app/releases"),
    ("create-release", "POST", r"/repos/owner/app/releases"),
    ("release-by-tag", "GET", r"/repos/owner/app/releases/tags/(.+)"),
    ("generate-notes", "POST", r"/repos/owner/app/releases/generate-notes"),
    ("get-release", "GET", r"/repos/owner/app/releases/(\d+)"),
    ("edit-release", "PATCH", r"/repos/owner/app/releases/(\d+)"),
    ("delete-release", "DELETE", r"/repos/owner/app/releases/(\d+)"),
    ("list-assets", "GET", r"/repos/owner/app/releases/(\d+)/assets"),
    ("upload-asset", "POST", r"/repos/owner/app/releases/(\d+)/assets"),
    ("get-asset", "GET", r"/repos/owner/app/releases/assets/(\d+)"),
    ("delete-asset", "DELETE", r"/repos/owner/app/releases/assets/(\d+)"),
    ("get-ref", "GET", r"/repos/owner/app/git/ref/(.+)"),
    ("matching-refs", "GET", r"/repos/owner/app/git/matching-refs/(.+)"),
    ("create-ref", "POST", r"/repos/owner/app/git/refs"),
    ("update-ref", "PATCH", r"/repos/owner/app/git/(refs/.+)"),
    ("delete-ref", "DELETE", r"/repos/owner/app/git/(refs/.+)"),
    ("get-commit", "GET", r"/repos/owner/app/git/commits/([0-9a-f]+)"),
    ("create-commit", "POST", r"/repos/owner/app/git/commits"),
    ("workflow-run", "GET", r"/repos/owner/app/actions/runs/(\d+)/attempts/(\d+)"),
    ("latest-file", "GET", r"/owner/app/releases/latest/download/([^/]+)"),
    ("public-file", "GET", r"/owner/app/releases/download/([^/]+)/([^/]+)"),
    ("stored-file", "GET", r"/stored/(\d+)"),
)
_Action = Callable[[World, tuple[str, ...], dict[str, Any]], object]
ACTIONS: dict[str, tuple[int, _Action]] = {
    "repository": (200, lambda world, _of, _with: world.repository_json()),
    "list-releases": (200, lambda world, _of, _with: world.list_releases()),
    "create-release": (201, lambda world, _of, fields: world.create_release(fields)),
    "release-by-tag": (200, lambda world, of, _with: world.by_tag(of[0])),
    "generate-notes": (200, lambda _world, _of, fields: {"body": f"## What's new in {fields['tag_name']}"}),
    "get-release": (200, lambda world, of, _with: world.release_json(world.find(int(of[0])))),
    "edit-release": (200, lambda world, of, fields: world.edit_release(int(of[0]), fields)),
    "delete-release": (204, lambda world, of, _with: world.delete_release(int(of[0]))),
    "list-assets": (200, lambda world, of, _with: world.list_assets(int(of[0]))),
    "get-asset": (302, lambda world, of, _with: f"{world.web}/stored/{world.find_asset(int(of[0]))[1].id}"),
    "delete-asset": (204, lambda world, of, _with: world.delete_asset(int(of[0]))),
    "get-ref": (200, lambda world, of, _with: world.ref(f"refs/{of[0]}")),
    "matching-refs": (200, lambda world, of, _with: world.matching_refs(f"refs/{of[0]}")),
    "create-ref": (201, lambda world, _of, fields: world.create_ref(fields["ref"], fields["sha"])),
    "update-ref": (200, lambda world, of, fields: world.update_ref(of[0], fields["sha"], force=fields["force"])),
    "delete-ref": (204, lambda world, of, _with: world.delete_ref(of[0])),
    "get-commit": (200, lambda world, of, _with: world.commit(of[0])),
    "create-commit": (201, lambda world, _of, with_: world.make_commit(**with_)),
    "workflow-run": (200, lambda world, of, _with: world.run(*of)),
    "latest-file": (
        302,
        lambda world, of, _with: f"{world.web}/owner/app/releases/download/{world.latest_tag()}/{of[0]}",
    ),
    "public-file": (302, lambda world, of, _with: f"{world.web}/stored/{world.public_asset(*of).id}"),
    "stored-file": (200, lambda world, of, _with: world.find_asset(int(of[0]))[1].path),
}
"""What each operation does, and the status of its success."""
WEB_OPERATIONS = frozenset({"latest-file", "public-file", "stored-file"})


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong, and when: at the *nth* request (from 1) of *operation*; of any operation where it is ``*``."""

    kind: str
    operation: str = "*"
    nth: int = 1
    action: Callable[[], None] | None = None
    """Done at that moment, such as killing the client."""
    always: bool = False
    """At every request from then on."""


REFUSALS: dict[str, tuple[int, str, dict[str, str]]] = {
    "cut": (0, "", {}),
    "502": (502, "", {}),
    "503": (503, "Service Unavailable", {}),
    "secondary": (403, "You have exceeded a secondary rate limit.", {"Retry-After": "0"}),
    "secondary-429": (429, "You have exceeded a secondary rate limit.", {}),
    "primary": (403, "API rate limit exceeded", {"x-ratelimit-remaining": "0"}),
    "missing": (404, "Not Found", {}),
    "forbidden": (403, "Resource not accessible by integration", {}),
}
"""Faults before anything is done. With ``done-`` before their name it is done all the same; ``half`` and
``half-502`` are for uploads, ``flipped`` is for bytes that are read."""


class StandIn:
    """Two servers: the interface, and another host for what is public and for stored bytes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[Fault] = []
        self.seen: Counter[str] = Counter()
        self.log: list[str] = []
        self.leaks: list[str] = []
        """Requests to the other host that carried a token."""
        self.unknown: list[str] = []

    @property
    def url(self) -> str:
        return self.world.base

    def schedule(self, *faults: Fault) -> None:
        """Forget what was seen, and let *faults* come."""
        self.faults = list(faults)
        self.seen.clear()
        self.log.clear()

    def due(self, operation: str) -> Fault | None:
        with self.world.guard:
            self.seen[operation] += 1
            self.seen["*"] += 1
            self.log.append(operation)
            for fault in self.faults:
                count = self.seen[fault.operation] if fault.operation in {operation, "*"} else 0
                if count == fault.nth or (fault.always and count > fault.nth):
                    return fault
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stand_in: StandIn
    is_web: bool

    def do_GET(self) -> None:
        self.handle_request()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server wants

    def handle_request(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query))
        for operation, method, pattern in ROUTES:
            match = re.fullmatch(pattern, parts.path)
            if match and method == self.command and self.is_web == (operation in WEB_OPERATIONS):
                groups = tuple(urllib.parse.unquote(group) for group in match.groups())
                return self.serve(operation, groups, self.stand_in.due(operation))
        self.stand_in.unknown.append(f"{self.command} {self.path}")
        return self.answer(404, {"message": "Not Found"})

    def serve(self, operation: str, groups: tuple[str, ...], fault: Fault | None) -> None:
        self.groups, self.fault, kind = groups, fault, fault.kind if fault else ""
        self.body = b"" if operation == "upload-asset" else self.read_body()
        if kind.startswith("half"):
            self.half()
            return self.refuse(kind.removeprefix("half-"))
        if kind in REFUSALS:
            self.read_rest(operation)
            return self.refuse(kind)
        status, document = self.act(operation)
        if kind.startswith("done-"):
            return self.refuse(kind.removeprefix("done-"))
        if isinstance(document, Path):
            return self.send_file(document, flipped=kind == "flipped")
        return self.answer(status, document)

    def act(self, operation: str) -> tuple[int, object]:
        try:
            self.authorize(operation)
            if operation == "upload-asset":
                return self.upload()
            with self.stand_in.world.guard:
                status, act = ACTIONS[operation]
                return status, act(self.stand_in.world, self.groups, json.loads(self.body or b"{}"))
        except RefusalError as refusal:
            return refusal.status, refusal.document

    def authorize(self, operation: str) -> None:
        given = self.headers.get("Authorization")
        if operation in WEB_OPERATIONS:
            if given:
                self.stand_in.leaks.append(f"{self.command} {self.path}")
        elif given != f"Bearer {TOKEN}":
            self.read_rest(operation)
            raise RefusalError(401, "Bad credentials")

    # uploads

    def upload(self) -> tuple[int, object]:
        world = self.stand_in.world
        path = world.directory / f"{time.monotonic_ns()}"
        with path.open("wb") as stream:
            for window in self.windows(self.length()):
                stream.write(window)
        with world.guard:
            return 201, world.add_asset(int(self.groups[0]), self.query["name"], state="uploaded", path=path)

    def half(self) -> None:
        """Take half of the body; what remains is an asset without bytes."""
        for _window in self.windows(self.length() // 2):
            pass
        with self.stand_in.world.guard:
            self.stand_in.world.add_asset(int(self.groups[0]), self.query["name"], state="starter", path=None)
        if self.fault and self.fault.kind == "half-502":
            for _window in self.windows(self.length() - self.length() // 2):
                pass

    def read_rest(self, operation: str) -> None:
        if operation == "upload-asset":
            self.read_body()

    def length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def windows(self, size_bytes: int) -> Iterator[bytes]:
        while size_bytes > 0:
            window = self.rfile.read(min(WINDOW_BYTES, size_bytes))
            if not window:
                raise ConnectionAbortedError
            size_bytes -= len(window)
            yield window

    def read_body(self) -> bytes:
        return b"".join(self.windows(self.length()))

    # answers

    def refuse(self, kind: str) -> None:
        if self.fault and self.fault.action:
            self.fault.action()
        if kind in {"cut", "half"}:
            return self.cut()
        status, message, headers = REFUSALS[kind]
        if kind == "primary":
            headers = {**headers, "x-ratelimit-reset": str(int(time.time()) - 1)}
        return self.answer(status, {"message": message} if message else None, headers)

    def answer(self, status: int, document: object, headers: Mapping[str, str] | None = None) -> None:
        sent = dict(headers or {})
        if status == 302:
            sent["Location"], document = str(document), None
        if isinstance(document, list):
            document = self.page(document, sent)
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self, members: list[Any], headers: dict[str, str]) -> list[Any]:
        size = min(int(self.query.get("per_page", "30")), self.stand_in.world.manners.page_size)
        number = int(self.query.get("page", "1"))
        if number * size < len(members):
            path = urllib.parse.urlsplit(self.path).path
            base = f"{self.stand_in.world.base}{path}?per_page={size}&page="
            last = -(-len(members) // size)
            headers["Link"] = f'<{base}{number + 1}>; rel="next", <{base}{last}>; rel="last"'
        return members[(number - 1) * size : number * size]

    def send_file(self, path: Path, *, flipped: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as stream:
            while window := stream.read(WINDOW_BYTES):
                self.wfile.write(bytes([window[0] ^ 1]) + window[1:] if flipped else window)

    def cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


@contextlib.contextmanager
def serving(world: World) -> Iterator[StandIn]:
    """Serve *world* on two ports of the loopback interface."""
    stand_in = StandIn(world)
    with contextlib.ExitStack() as stack:
        addresses = [stack.enter_context(_listening(stand_in, is_web=is_web)) for is_web in (False, True)]
        world.base, world.web = addresses
        yield stand_in
    assert stand_in.unknown == []


@contextlib.contextmanager
def _listening(stand_in: StandIn, *, is_web: bool) -> Iterator[str]:
    bound = type("Bound", (Handler,), {"stand_in": stand_in, "is_web": is_web})
    with Server(("127.0.0.1", 0), bound) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
