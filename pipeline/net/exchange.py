"""Requests that are answered with little: JSON interfaces, uploads, and files that are only digested.

Each call is one attempt; who calls knows whether it may be made again. Redirects are followed for GET and HEAD only,
and the token goes to the origins that it was given for, never to where a redirect leads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import requests
import requests.auth
import urllib3

from pipeline.errors import IntegrityError, NetworkError
from pipeline.net import CONNECT_TIMEOUT_S, new_session, raw_chunks
from pipeline.net.bodies import FileBody
from pipeline.net.wording import reason_of, without_credentials

READ_TIMEOUT_S = 120.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Secret:
    """A text that is not shown: neither by print, nor in a traceback, nor in a log."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep *text*."""
        self._text = text

    def __repr__(self) -> str:
        """Return what may be shown: nothing of it."""
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        """Refuse to be written to a file or to another process."""
        raise TypeError("a secret is not stored")

    def reveal(self) -> str:
        """Return the text, for the one place that sends it."""
        return self._text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credential:
    """A token (or what stands for it) and the origins (``https://host[:port]``) that may see it."""

    token: Secret
    origins: frozenset[str]
    scheme: str = "Bearer"
    """Of the header (RFC 9110, 11.4); with ``Basic``, *token* is ``user:password`` in base64."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    json: object = None
    content: bytes | None = None
    """Sent as the body, as it is."""
    file: Path | None = None
    """Sent as the body, from the disk, in windows."""
    offset: int = 0
    """Where in *file* the body begins, in bytes."""
    credential: Credential | None = None
    """In place of the session's."""
    on_sent: Callable[[int], None] | None = None
    """Told how many bytes of *file* went out in all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whoever asked knows its form, and checks it
        """Return the body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Digested:
    """Content that was read and not kept. *answer* is the refusal in its place."""

    sha256: str = ""
    size_bytes: int = 0
    answer: Answer | None = None


class CutError(Exception):
    """The connection failed or was cut: whether the server acted is not known."""


class Exchanger(contextlib.AbstractContextManager["Exchanger"]):
    """A session of requests; use it as a context manager."""

    def __init__(self, *, environ: Mapping[str, str], user_agent: str, credential: Credential | None = None) -> None:
        """Open no connection yet. Proxies come from the environment, ~/.netrc is never asked."""
        self._credential = credential
        self._session = new_session(environ)
        self._session.headers["User-Agent"] = user_agent

    def __exit__(self, *_exception: object) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, request: Request) -> Answer:
        """Return the answer to *request*. Raises CutError, NetworkError for what cannot pass, IntegrityError."""
        with self._opened(request) as response:
            return _answer(response, request.url)

    def digest(
        self,
        request: Request,
        *,
        max_bytes: int,
        on_read: Callable[[int], None] | None = None,
        sink: IO[bytes] | None = None,
    ) -> Digested:
        """Read what a GET of *request* leads to and return its digest; it is kept only where *sink* is given.

        Raises CutError, NetworkError, IntegrityError for more than *max_bytes*, and what writing to *sink* raises.
        """
        with self._opened(request) as response:
            if response.status_code != requests.codes.ok:
                return Digested(answer=_answer(response, request.url))
            digest, size_bytes = hashlib.sha256(), 0
            for chunk in _chunks(response):
                digest.update(chunk)
                size_bytes += len(chunk)
                _check_size(request.url, size_bytes, max_bytes)
                if sink:
                    sink.write(chunk)
                if on_read:
                    on_read(size_bytes)
            return Digested(sha256=digest.hexdigest(), size_bytes=size_bytes)

    @contextlib.contextmanager
    def _opened(self, request: Request) -> Iterator[requests.Response]:
        with contextlib.ExitStack() as stack:
            yield stack.enter_context(contextlib.closing(self._follow(request)))

    def _follow(self, request: Request) -> requests.Response:
        url = request.url
        for _hop in range(MAX_REDIRECTS + 1):
            response = self._attempt(request, url)
            target = response.headers.get("Location")
            if request.method not in {"GET", "HEAD"} or response.status_code not in _REDIRECTS or not target:
                return response
            response.close()
            url = _next_url(url, target)
        raise _final(request.url, "it redirects without end")

    def _attempt(self, request: Request, url: str) -> requests.Response:
        with contextlib.ExitStack() as stack:
            data: bytes | FileBody | None = request.content
            if request.file:
                stream = stack.enter_context(request.file.open("rb"))
                body = FileBody(stream, offset=request.offset, on_sent=request.on_sent)
                data = body if len(body) else b""
            with _cuts(url):
                return self._session.request(
                    request.method, url, headers=dict(request.headers), json=request.json, data=data,
                    auth=self._auth(request, url), allow_redirects=False, stream=True,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                )  # fmt: skip

    def _auth(self, request: Request, url: str) -> requests.auth.AuthBase:
        known = request.credential or self._credential
        return _Authorization(known if known and origin_of(url) in known.origins else None)


def origin_of(url: str) -> str:
    """Return scheme, host and port of *url*: what a credential belongs to."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class _Authorization(requests.auth.AuthBase):
    """Adds the credential, or nothing: without any *auth*, requests would ask ~/.netrc."""

    def __init__(self, credential: Credential | None) -> None:
        self._credential = credential

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers.pop("Authorization", None)
        if known := self._credential:
            prepared.headers["Authorization"] = f"{known.scheme} {known.token.reveal()}"
        return prepared


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body; only what reading it raises is named, not what the reader of the chunks does."""
    with _cuts():
        yield from raw_chunks(response)


@contextlib.contextmanager
def _cuts(url: str = "") -> Iterator[None]:
    """Name what may pass (CutError) and what may not (NetworkError)."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise _final(url, f"the secure connection failed ({reason_of(error)})") from None
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError, OSError) as error:
        if isinstance(error, requests.RequestException) and not isinstance(
            error, requests.ConnectionError | requests.Timeout
        ):
            raise _final(url, reason_of(error)) from None
        raise CutError(reason_of(error)) from None


def _answer(response: requests.Response, url: str) -> Answer:
    body = b""
    with _cuts(url):
        for chunk in raw_chunks(response):
            body += chunk
            _check_size(url, len(body), MAX_ANSWER_BYTES)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=body)


def _next_url(url: str, target: str) -> str:
    joined = urllib.parse.urljoin(url, target)
    if urllib.parse.urlsplit(url).scheme == "https" and urllib.parse.urlsplit(joined).scheme != "https":
        raise _final(url, "it redirects to an address without encryption")
    return joined


def _check_size(url: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise IntegrityError(
            f"{without_credentials(url)} answered with more than {max_bytes} bytes",
            cause="the address leads to something else, or the file was replaced by a larger one",
            action="check the address, and what lies there",
        )


def _final(url: str, reason: str) -> NetworkError:
    return NetworkError(
        f"cannot talk to {without_credentials(url)}: {reason}",
        cause="a wrong address, a proxy that is not set (https_proxy), or an unknown certificate (SSL_CERT_FILE)",
        action="check the address and the connection, and run the same command again",
    )
