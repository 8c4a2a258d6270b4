"""Fetching over HTTP from a server on the loopback interface that misbehaves on demand."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import net
from pipeline.errors import IntegrityError, NetworkError
from pipeline.model.events import NullReporter

CONTENT = bytes(range(256)) * 8192
QUICK = net.RetryPolicy(attempts=4, first_pause_s=0.01, longest_pause_s=0.05)


@dataclasses.dataclass
class Behaviour:
    """What the server does, and what it saw."""

    cut_first: int = 0
    """How many answers end half way."""
    refuse_first: int = 0
    """How many answers are 503."""
    retry_after: str | None = None
    etag: str | None = '"one"'
    ranges: bool = True
    encoding: str | None = None
    seen: list[tuple[str, str, str | None]] = dataclasses.field(default_factory=list)
    accept_encodings: set[str | None] = dataclasses.field(default_factory=set)


class Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        behaviour = self.behaviour
        behaviour.seen.append((self.command, self.path, self.headers.get("Range")))
        behaviour.accept_encodings.add(self.headers.get("Accept-Encoding"))
        if self.path.startswith("/missing"):
            self.send_error(404)
        elif behaviour.refuse_first > 0:
            behaviour.refuse_first -= 1
            self.send_response(503)
            if behaviour.retry_after:
                self.send_header("Retry-After", behaviour.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_content()

    def send_content(self) -> None:
        behaviour, start = self.behaviour, 0
        wanted = self.headers.get("Range")
        if wanted and behaviour.ranges and self.headers.get("If-Range") == behaviour.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        if behaviour.etag:
            self.send_header("ETag", behaviour.etag)
        if behaviour.encoding:
            self.send_header("Content-Encoding", behaviour.encoding)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour.cut_first > 0:
            behaviour.cut_first -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    class Bound(Handler):
        pass

    Bound.behaviour = behaviour
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bound) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def client() -> Iterator[net.Client]:
    with net.Client(environ={}, reporter=NullReporter(), retry=QUICK) as opened:
        yield opened


def order(url: str, tmp_path: Path, *, sha256: str | None = None, max_bytes: int = 1 << 30) -> net.Download:
    return net.Download(url=url, destination=tmp_path / "out" / "f", title="f", max_bytes=max_bytes, sha256=sha256)


def visible(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith("."))


def test_a_file_arrives_whole_with_its_digest(client: net.Client, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    with serving(Behaviour()) as base:
        got = client.download(order(f"{base}/a", tmp_path, sha256=digest))
    assert got == net.Downloaded(path=tmp_path / "out" / "f", sha256=digest, size_bytes=len(CONTENT))
    assert got.path.read_bytes() == CONTENT
    assert not list(got.path.parent.glob("*.part*"))


def test_a_cut_download_goes_on_where_it_stopped(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour(cut_first=2)
    with serving(behaviour) as base:
        got = client.download(order(f"{base}/a", tmp_path))
    assert got.path.read_bytes() == CONTENT
    half, quarter = len(CONTENT) // 2, len(CONTENT) // 4
    assert [seen[2] for seen in behaviour.seen] == [None, f"bytes={half}-", f"bytes={half + quarter}-"]


def test_the_next_run_goes_on_too(tmp_path: Path) -> None:
    behaviour = Behaviour(cut_first=1)
    with serving(behaviour) as base:
        impatient = net.RetryPolicy(attempts=1)
        with net.Client(environ={}, reporter=NullReporter(), retry=impatient) as client:
            with pytest.raises(NetworkError):
                client.download(order(f"{base}/a", tmp_path))
            assert visible(tmp_path) == []
            assert client.download(order(f"{base}/a", tmp_path)).path.read_bytes() == CONTENT
    assert behaviour.seen[1][2] == f"bytes={len(CONTENT) // 2}-"


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as base:
        part = tmp_path / "out" / ".f.part"
        part.parent.mkdir()
        part.write_bytes(b"old")
        digest = hashlib.sha256(f"{base}/a".encode()).hexdigest()
        part.with_name(".f.part.json").write_text(f'{{"url_sha256": "{digest}", "validator": "\\"old\\""}}')
        assert client.download(order(f"{base}/a", tmp_path)).path.read_bytes() == CONTENT
    assert behaviour.seen[0][2] == "bytes=3-"


def test_without_a_strong_validator_nothing_is_resumed(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour(cut_first=1, etag='W/"weak"')
    with serving(behaviour) as base:
        assert client.download(order(f"{base}/a", tmp_path)).path.read_bytes() == CONTENT
    assert [seen[2] for seen in behaviour.seen] == [None, None]


def test_a_part_that_is_already_complete_is_started_anew(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as base:
        part = tmp_path / "out" / ".f.part"
        part.parent.mkdir()
        part.write_bytes(CONTENT)
        digest = hashlib.sha256(f"{base}/a".encode()).hexdigest()
        part.with_name(".f.part.json").write_text(f'{{"url_sha256": "{digest}", "validator": "\\"one\\""}}')
        assert client.download(order(f"{base}/a", tmp_path)).path.read_bytes() == CONTENT
    assert [seen[2] for seen in behaviour.seen] == [f"bytes={len(CONTENT)}-", None]


@pytest.mark.parametrize("retry_after", [None, "0", "Wed, 21 Oct 2015 07:28:00 GMT", "nonsense"])
def test_a_server_in_trouble_is_asked_again(client: net.Client, tmp_path: Path, retry_after: str | None) -> None:
    behaviour = Behaviour(refuse_first=3, retry_after=retry_after)
    with serving(behaviour) as base:
        assert client.download(order(f"{base}/a", tmp_path)).size_bytes == len(CONTENT)
    assert len(behaviour.seen) == 4


def test_pauses_double_and_have_an_end() -> None:
    policy = net.RetryPolicy(first_pause_s=1, longest_pause_s=5)
    assert [policy.pause_s(n, None) for n in range(4)] == [1, 2, 4, 5]
    assert policy.pause_s(0, 3) == 3
    assert policy.pause_s(0, 3600) == 5
    assert policy.pause_s(0, -20) == 0


def test_a_server_that_stays_in_trouble_is_named_without_credentials(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour(refuse_first=99)
    with serving(behaviour) as base, pytest.raises(NetworkError) as caught:
        client.download(order(f"{base.replace('//', '//me:pass@')}/a?token=x", tmp_path))
    assert str(caught.value) == (
        f"error: cannot fetch {base}/a (tried 4 times): it answered 503\n"
        "  usual cause: no connection, a proxy that is not set (https_proxy), an unknown certificate (SSL_CERT_FILE), "
        "or a server in trouble\n"
        "  what to do:  run the same command again when the connection works; what was fetched so far is kept"
    )


def test_a_missing_file_is_final(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as base, pytest.raises(net.MissingFileError) as caught:
        client.download(order(f"{base}/missing", tmp_path))
    assert str(caught.value) == (
        f"error: cannot fetch {base}/missing: the server answered 404\n"
        "  usual cause: the address is wrong, or the server does not have the file\n"
        "  what to do:  check the address in a browser; credentials may stand in ~/.netrc, a proxy in https_proxy"
    )
    assert len(behaviour.seen) == 1
    assert visible(tmp_path) == []


def test_nobody_listening_is_a_network_error_that_keeps_secrets(client: net.Client, tmp_path: Path) -> None:
    with serving(Behaviour()) as base:
        pass
    with pytest.raises(NetworkError) as caught:
        client.download(order(f"{base.replace('//', '//me:secret@')}/a?sig=secret", tmp_path))
    assert caught.value.what == f"cannot fetch {base}/a (tried 4 times): Connection refused"
    assert "secret" not in str(caught.value)


def test_a_wrong_digest_leaves_nothing(client: net.Client, tmp_path: Path) -> None:
    with serving(Behaviour()) as base, pytest.raises(IntegrityError) as caught:
        client.download(order(f"{base}/a", tmp_path, sha256="0" * 64))
    found = hashlib.sha256(CONTENT).hexdigest()
    assert caught.value.what == f"{base}/a has the SHA-256 {found} instead of {'0' * 64}"
    assert visible(tmp_path) == []
    assert not list((tmp_path / "out").glob(".f.part*"))


def test_more_than_the_limit_is_refused_before_it_is_fetched(client: net.Client, tmp_path: Path) -> None:
    with serving(Behaviour()) as base, pytest.raises(IntegrityError) as caught:
        client.download(order(f"{base}/a", tmp_path, max_bytes=1000))
    assert caught.value.what == f"{base}/a is larger than 1000 bytes"
    assert visible(tmp_path) == []
    with serving(Behaviour()) as base, pytest.raises(IntegrityError):
        client.get_bytes(f"{base}/a", max_bytes=1000)


def test_an_archive_that_a_server_calls_encoded_is_kept_as_it_is(client: net.Client, tmp_path: Path) -> None:
    behaviour = Behaviour(encoding="gzip")
    with serving(behaviour) as base:
        assert client.download(order(f"{base}/a", tmp_path)).path.read_bytes() == CONTENT
    assert behaviour.accept_encodings == {"identity"}


def test_small_content_comes_at_once(client: net.Client) -> None:
    with serving(Behaviour(cut_first=1)) as base:
        assert client.get_bytes(f"{base}/a", max_bytes=1 << 30) == CONTENT


def test_an_address_that_is_none_is_tried_once(client: net.Client) -> None:
    with pytest.raises(NetworkError) as caught:
        client.get_bytes("http://me:secret@", max_bytes=1)
    assert caught.value.what.startswith("cannot fetch http:// (tried once): Invalid URL")
    assert "secret" not in str(caught.value)
