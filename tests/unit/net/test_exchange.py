"""Requests that are answered with little: who sees the token, what is followed, what is too much."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import http.server
import pickle
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError, NetworkError
from pipeline.net import exchange
from pipeline.net.exchange import Credential, CutError, Exchanger, Request, Secret, origin_of

TOKEN = "ghp_secret"
CONTENT = bytes(range(256)) * 4096


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seen: list[tuple[str, str, str | None, bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, self.headers.get("Authorization"), body))
        path, _question, target = self.path.partition("?to=")
        if path == "/redirect":
            self.answer(302, b"", {"Location": target})
        elif path == "/loop":
            self.answer(302, b"", {"Location": "/loop"})
        elif path == "/cut":
            self.close_connection = True
        elif path == "/short":
            self.answer(200, b"half", {}, length=8)
            self.close_connection = True
        else:
            self.answer(200 if path != "/refused" else 403, CONTENT, {"X-Answer": "yes"})

    do_POST = do_PUT = do_GET  # noqa: N815 - the name that http.server wants

    def answer(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, str, str | None, bytes]]]]:
    seen: list[tuple[str, str, str | None, bytes]] = []
    bound = type("Bound", (Handler,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def exchanger(*origins: str) -> Exchanger:
    credential = Credential(token=Secret(TOKEN), origins=frozenset(map(origin_of, origins)))
    return Exchanger(environ={}, user_agent="test", credential=credential)


def test_an_answer_has_status_headers_and_body() -> None:
    with listening() as (base, _seen), exchanger(base) as client:
        answer = client.send(Request(method="GET", url=f"{base}/refused"))
    assert (answer.status, answer.headers["x-answer"], answer.body) == (403, "yes", CONTENT)
    assert answer.json() is None


def test_the_token_does_not_follow_to_another_host() -> None:
    with listening() as (home, here), listening() as (other, there), exchanger(home) as client:
        got = client.digest(Request(method="GET", url=f"{home}/redirect?to={other}/file"), max_bytes=1 << 30)
        back = client.digest(Request(method="GET", url=f"{other}/redirect?to={home}/file"), max_bytes=1 << 30)
    assert (got.sha256, got.size_bytes) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert back.sha256 == got.sha256
    assert {given for _method, _path, given, _body in here} == {f"Bearer {TOKEN}"}
    assert [given for _method, _path, given, _body in there] == [None, None]


def test_credentials_of_netrc_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with listening() as (base, seen):
        with Exchanger(environ={}, user_agent="test") as client:
            client.send(Request(method="GET", url=base))
        with exchanger(base) as client:
            client.send(Request(method="GET", url=base))
    assert [given for _method, _path, given, _body in seen] == [None, f"Bearer {TOKEN}"]


def test_what_changes_something_is_not_redirected() -> None:
    with listening() as (base, seen), exchanger(base) as client:
        answer = client.send(Request(method="POST", url=f"{base}/redirect?to={base}/file", json={"a": 1}))
    assert (answer.status, len(seen)) == (302, 1)
    assert seen[0][3] == b'{"a": 1}'


def test_redirects_have_an_end() -> None:
    with listening() as (base, seen), exchanger(base) as client, pytest.raises(NetworkError) as caught:
        client.send(Request(method="GET", url=f"{base}/loop"))
    assert caught.value.what == f"cannot talk to {base}/loop: it redirects without end"
    assert len(seen) == exchange.MAX_REDIRECTS + 1


def test_encryption_is_not_left() -> None:
    assert exchange._next_url("https://a/x", "/y") == "https://a/y"
    with pytest.raises(NetworkError, match="it redirects to an address without encryption"):
        exchange._next_url("https://a/x", "http://b/y")


@pytest.mark.parametrize("path", ["/cut", "/short"])
def test_a_cut_connection_is_told_as_such(path: str) -> None:
    with listening() as (base, _seen), exchanger(base) as client:
        with pytest.raises(CutError):
            client.send(Request(method="GET", url=base + path))
        with pytest.raises(CutError):
            client.digest(Request(method="GET", url=base + path), max_bytes=1 << 30)


def test_nobody_listening_is_a_cut() -> None:
    with listening() as (base, _seen):
        pass
    with exchanger(base) as client, pytest.raises(CutError, match="Connection refused"):
        client.send(Request(method="GET", url=base))


def test_an_address_that_is_none_is_final() -> None:
    with exchanger() as client, pytest.raises(NetworkError, match="cannot talk to http://: Invalid URL"):
        client.send(Request(method="GET", url="http://"))


@pytest.mark.parametrize("size_bytes", [0, 1, 3_000_000])
def test_a_file_is_sent_with_its_length(tmp_path: Path, size_bytes: int) -> None:
    file, told = tmp_path / "file", list[int]()
    file.write_bytes(b"x" * size_bytes)
    with listening() as (base, seen), exchanger(base) as client:
        client.send(Request(method="POST", url=base, file=file, on_sent=told.append))
    assert seen[0][3] == b"x" * size_bytes
    assert told == sorted(told)
    assert not told or told[-1] == size_bytes


def test_more_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_ANSWER_BYTES", 1000)
    with listening() as (base, _seen), exchanger(base) as client:
        with pytest.raises(IntegrityError) as caught:
            client.send(Request(method="GET", url=base))
        assert caught.value.what == f"{base} answered with more than 1000 bytes"
        with pytest.raises(IntegrityError):
            client.digest(Request(method="GET", url=base), max_bytes=1000)


def test_a_secret_is_not_shown() -> None:
    secret = Secret(TOKEN)
    credential = Credential(token=secret, origins=frozenset())
    shown = [str(secret), repr(secret), f"{credential}", f"{vars(credential)}"]
    assert [text for text in shown if TOKEN in text] == []
    for spill in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="a secret is not stored"):
            spill(secret)
    assert secret.reveal() == TOKEN


def test_a_secret_is_not_in_a_traceback() -> None:
    with listening() as (base, _seen), exchanger(base) as client:
        shown = traceback_of_a_cut(client, f"{base}/cut")
    assert "CutError" in shown
    assert TOKEN not in shown


def traceback_of_a_cut(client: Exchanger, url: str) -> str:
    """Return the traceback, with all that the functions below know."""
    try:
        client.send(Request(method="GET", url=url))
    except CutError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError("it was not cut")


def test_a_credential_of_one_request_and_its_scheme() -> None:
    with listening() as (home, here), listening() as (other, there), exchanger(home) as client:
        credential = Credential(token=Secret("bWU6eA=="), origins=frozenset({origin_of(home)}), scheme="Basic")
        client.send(Request(method="GET", url=f"{home}/redirect?to={other}/file", credential=credential))
        client.send(Request(method="GET", url=f"{home}/file"))
    assert [given for _method, _path, given, _body in here] == ["Basic bWU6eA==", f"Bearer {TOKEN}"]
    assert [given for _method, _path, given, _body in there] == [None]


def test_a_body_from_an_offset_and_one_from_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    sent: list[int] = []
    with listening() as (base, seen), exchanger(base) as client:
        client.send(Request(method="PUT", url=base, file=tmp_path / "file", offset=4, on_sent=sent.append))
        client.send(Request(method="PUT", url=base, file=tmp_path / "file", offset=10))
        client.send(Request(method="PUT", url=base, content=b"raw"))
    assert [body for _method, _path, _given, body in seen] == [b"456789", b"", b"raw"]
    assert sent[-1] == 10


def test_content_is_kept_where_a_sink_is_given(tmp_path: Path) -> None:
    with listening() as (base, _seen), exchanger(base) as client, (tmp_path / "got").open("wb") as sink:
        got = client.digest(Request(method="GET", url=f"{base}/file"), max_bytes=1 << 30, sink=sink)
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert got.size_bytes == len(CONTENT)
    with (
        listening() as (base, _seen),
        exchanger(base) as client,
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left"),
    ):
        client.digest(Request(method="GET", url=f"{base}/file"), max_bytes=1 << 30, sink=full)
