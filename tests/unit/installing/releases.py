"""Releases of a small program (a script, which the system runs like any other) for the tests of both consumers."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.model.prebuilds.manifest import (
    Archive,
    ArchiveFormat,
    Prebuild,
    PrebuildFile,
    PrebuildKind,
    PrebuildManifest,
    Probe,
)
from pipeline.packing import zips

NAME = "tool"
WORKS = b'#!/bin/sh\n[ "$1" = --probe ] && exit 41\necho "works: $*"\n'
CRASHES = b"#!/bin/sh\nkill -SEGV $$\n"
HANGS = b"#!/bin/sh\nexec sleep 600\n"
PROBE = Probe(args=("--probe",), exit_code=41, timeout_s=20)
DIRECTORY = "prebuilds/linux-x64/bin"


def program(content: bytes = WORKS, *, tag: str = "", files: Mapping[str, bytes] | None = None, **fields: Any) -> Made:  # noqa: ANN401
    """Return a candidate that runs with any C library, unless *fields* say something else; *files* are companions."""
    path = f"{DIRECTORY}/{NAME}{tag}"
    contents = {path: content} | {f"{DIRECTORY}/{name}": data for name, data in (files or {}).items()}
    listed = tuple(
        PrebuildFile(path=name, size_bytes=len(data), sha256=sha256(data), executable=name == path)
        for name, data in contents.items()
    )
    values: dict[str, Any] = {
        "kind": PrebuildKind.EXECUTABLE, "name": NAME, "platform": "linux", "arch": "x64", "path": path,
        "files": listed, "probe": PROBE,
    }  # fmt: skip
    return Made(prebuild=Prebuild(**values | fields), contents=contents)


@dataclasses.dataclass(frozen=True)
class Made:
    """A candidate, and what its files hold."""

    prebuild: Prebuild
    contents: Mapping[str, bytes]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest_of(*made: Made, version: str = "1.0.0") -> PrebuildManifest:
    return PrebuildManifest(
        schema_version=1,
        name=NAME,
        version=version,
        source_date_epoch_s=0,
        pipeline_version="0",
        prebuilds=tuple(one.prebuild for one in made),
    )


def write_release(
    directory: Path, *made: Made, version: str = "1.0.0", url: str | None = None, further: tuple[str, ...] = ()
) -> Path:
    """Write zips and their index into *directory*; return the index. Zips have *further* members, too."""
    directory.mkdir(parents=True, exist_ok=True)
    packed = tuple(_packed(directory, number, one, url, further) for number, one in enumerate(made))
    index = manifest_of(*packed, version=version)
    path = directory / f"{NAME}-{version}.prebuilds.json"
    path.write_text(index.to_json())
    return path


def _packed(directory: Path, number: int, made: Made, url: str | None, further: tuple[str, ...]) -> Made:
    path = directory / f"{NAME}-{number}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        contents = dict(made.contents) | dict.fromkeys(further, WORKS)
        sources = {name: Path(temporary) / str(place) for place, name in enumerate(contents)}
        for name, source in sources.items():
            source.write_bytes(contents[name])
        members = [zips.ZipMember(name=name, source=source, mode=0o755) for name, source in sources.items()]
        zips.write_zip(path, members, epoch_s=0)
    packed = Archive(
        name=path.name,
        format=ArchiveFormat.ZIP,
        size_bytes=path.stat().st_size,
        sha256=sha256(path.read_bytes()),
        url=f"{url}/{path.name}" if url else None,
    )
    return Made(prebuild=made.prebuild.model_copy(update={"archives": (packed,)}), contents=made.contents)


@dataclasses.dataclass
class Server:
    """A server of a directory that misbehaves on demand, and what it saw."""

    directory: Path
    cut_first: int = 0
    """How many answers for archives end half way."""
    redirect: Callable[[str], str | None] = lambda _path: None
    """Where a path leads."""
    seen: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)
    """Paths, and the ranges that were asked for."""
    url: str = ""

    def paths(self) -> list[str]:
        return [path for path, _range in self.seen]


class _Handler(http.server.BaseHTTPRequestHandler):
    server_of: Server

    def do_GET(self) -> None:
        server = self.server_of
        # A proxy is asked with the whole address.
        path = "/" + self.path.split("://")[-1].partition("/")[2] if "://" in self.path else self.path
        server.seen.append((self.path, self.headers.get("Range")))
        if target := server.redirect(path):
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = server.directory / path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
            return
        self.send_file(file.read_bytes())

    def send_file(self, content: bytes) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", f'"{sha256(content)}"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if self.server_of.cut_first > 0 and not self.path.endswith(".json"):
            self.server_of.cut_first -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Server]:
    """Yield a server of *directory* on the loopback."""
    server = Server(directory=directory)
    handler = type("Bound", (_Handler,), {"server_of": server})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
