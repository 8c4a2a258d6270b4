"""The only package that speaks HTTP: files to fetch, and (in ``exchange``) requests of other kinds.

Proxies, certificates and ``~/.netrc`` come from the environment, as requests reads it. A server's 5xx, a cut
connection and *too many requests* are tried again with growing pauses; any other 4xx is final. A download goes on
where it was cut off, also in the next run, when the server says that the file is still the same. Addresses are
never shown with the credentials that they may carry.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import requests
import urllib3

from pipeline import fs
from pipeline.errors import IntegrityError, NetworkError
from pipeline.model.events import Progress, Reporter
from pipeline.net.partial import PartialFile
from pipeline.net.wording import asked_pause_s, ca_bundle, reason_of, without_credentials

CHUNK_BYTES = 256 * 1024
CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 60.0
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

Guard = Callable[[str], None]
"""Is called with each address before it is asked, those of redirects included; raises what it objects to."""

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently something is tried again."""

    attempts: int = 5
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    """Longer waits that a server asks for with Retry-After are cut to this."""

    def pause_s(self, attempt: int, asked_s: float | None) -> float:
        """Return how long to wait after the failed *attempt* (from 0)."""
        wanted = self.first_pause_s * 2**attempt if asked_s is None else asked_s
        return min(max(wanted, 0.0), self.longest_pause_s)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Download:
    """A file to fetch."""

    url: str
    destination: Path
    title: str
    """What the progress bar says."""
    max_bytes: int
    """Largest size that is accepted; more is an IntegrityError, not a full disk."""
    sha256: str | None = None
    """Digest that the content must have; None where none is published."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Downloaded:
    """A file that was fetched, whole."""

    path: Path
    sha256: str
    size_bytes: int


class Client(contextlib.AbstractContextManager["Client"]):
    """An HTTP session; use it as a context manager."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        reporter: Reporter,
        retry: RetryPolicy | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Open no connection yet; *environ* may name a file with certificates (SSL_CERT_FILE)."""
        self._reporter = reporter
        self._retry = retry or RetryPolicy()
        self._guard = guard
        self._session = new_session(environ)
        self._session.hooks["response"].append(self._guard_redirect)

    def __exit__(self, *_exception: object) -> None:
        """Close the connections."""
        self._session.close()

    def get_bytes(self, url: str, *, max_bytes: int) -> bytes:
        """Return the content of *url*. Raises NetworkError, and IntegrityError beyond *max_bytes*."""

        def attempt() -> bytes:
            with self._open(url, {}) as response:
                content = b""
                for chunk in raw_chunks(response):
                    content += chunk
                    _check_size(url, len(content), max_bytes)
                return content

        return self._retrying(url, attempt)

    def download(self, download: Download) -> Downloaded:
        """Fetch a file; it appears whole or not at all, and what came before a cut is kept for the next try.

        Raises NetworkError when the server cannot be reached, MissingFileError when it has no such file,
        IntegrityError when the content is too large or has another digest.
        """
        partial = PartialFile(download.destination, url=download.url)
        with fs.locked(partial.lock_path), fs.explained(download.destination):
            with self._reporter.progress(download.title, total=0) as progress:
                bar = _Bar(progress)
                self._retrying(download.url, lambda: self._fetch(download, partial, bar))
            digest, size_bytes = fs.sha256_file(partial.path), partial.size_bytes
            if download.sha256 and digest != download.sha256:
                partial.discard()
                raise _wrong_digest(download, digest)
            partial.finish()
        return Downloaded(path=download.destination, sha256=digest, size_bytes=size_bytes)

    def _fetch(self, download: Download, partial: PartialFile, bar: _Bar) -> None:
        try:
            response = self._open(download.url, partial.resume_headers())
        except _StalePartError:
            partial.discard()
            raise
        with response:
            resumed = response.status_code == requests.codes.partial_content
            if resumed and not partial.is_continued_by(response.headers):
                partial.discard()
                raise _StalePartError
            have_bytes = partial.size_bytes if resumed else 0
            length = _content_length(response)
            if length is not None:
                _check_size(download.url, have_bytes + length, download.max_bytes)
                bar.total(have_bytes + length)
            with partial.open(response.headers, resumed=resumed) as stream:
                for chunk in raw_chunks(response):
                    have_bytes += len(chunk)
                    _check_size(download.url, have_bytes, download.max_bytes)
                    stream.write(chunk)
                    bar.at(have_bytes)

    def _guard_redirect(self, response: requests.Response, **_options: object) -> None:
        target = self._session.get_redirect_target(response)
        if self._guard and target:
            try:
                self._guard(urllib.parse.urljoin(response.url, target))
            except BaseException:
                response.close()
                raise

    def _open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        if self._guard:
            self._guard(url)
        timeouts_s = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        response = self._session.get(url, headers=dict(headers), stream=True, timeout=timeouts_s)
        if response.status_code in {requests.codes.ok, requests.codes.partial_content}:
            return response
        response.close()
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            raise _StalePartError
        if response.status_code in PASSING_STATUSES:
            raise _PassingStatusError(response.status_code, asked_pause_s(response.headers))
        raise _refused(url, response.status_code)

    def _retrying(self, url: str, action: Callable[[], _T]) -> _T:
        """Do *action*, again after passing failures. Raises NetworkError after the last attempt."""
        last: Exception | None = None
        for attempt in range(self._retry.attempts):
            asked_s = None
            try:
                return action()
            except _PassingStatusError as error:
                last, asked_s = error, error.retry_after_s
            except requests.exceptions.SSLError as error:
                raise _unreachable(url, f"the secure connection failed ({reason_of(error)})", attempts=1) from error
            except (_StalePartError, requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
                last = error
            except requests.RequestException as error:  # a malformed address, too many redirects
                raise _unreachable(url, reason_of(error), attempts=attempt + 1) from error
            if attempt + 1 < self._retry.attempts:
                time.sleep(self._retry.pause_s(attempt, asked_s))
        reason = reason_of(last) if last else "no attempt was allowed"
        raise _unreachable(url, reason, attempts=self._retry.attempts) from last


class _PassingStatusError(Exception):
    """The server asks to come again."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"it answered {status}")
        self.retry_after_s = retry_after_s


class _StalePartError(Exception):
    """The part that is here belongs to another content."""

    def __init__(self) -> None:
        super().__init__("it has no more bytes than are here already")


class MissingFileError(NetworkError):
    """The server answers, and says that it has no such file."""


def _refused(url: str, status: int) -> NetworkError:
    causes = {
        401: "the server wants a login",
        403: "the server does not allow it",
        404: "the address is wrong, or the server does not have the file",
        407: "the proxy wants a login",
        410: "the server does not have the file any more",
    }
    kind = MissingFileError if status in {404, 410} else NetworkError
    return kind(
        f"cannot fetch {without_credentials(url)}: the server answered {status}",
        cause=causes.get(status, "the server does not accept the request"),
        action="check the address in a browser; credentials may stand in ~/.netrc, a proxy in https_proxy",
    )


class _Bar:
    """A progress bar that a second attempt does not advance twice."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._shown_bytes = 0

    def total(self, size_bytes: int) -> None:
        self._progress.total(size_bytes)

    def at(self, have_bytes: int) -> None:
        if have_bytes > self._shown_bytes:
            self._progress.advance(have_bytes - self._shown_bytes)
            self._shown_bytes = have_bytes


def new_session(environ: Mapping[str, str]) -> requests.Session:
    """Return a session that trusts the certificates that *environ* may name, and takes bytes as they are stored."""
    session = requests.Session()
    # An archive must not be unpacked on its way because a server calls it "encoded".
    session.headers["Accept-Encoding"] = "identity"
    bundle = ca_bundle(environ)
    if bundle:
        session.verify = bundle
    return session


def raw_chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it is stored. Raises urllib3's errors when it ends before its stated length."""
    chunks: Iterator[bytes] = response.raw.stream(CHUNK_BYTES, decode_content=False)
    return chunks


def _content_length(response: requests.Response) -> int | None:
    stated = response.headers.get("Content-Length", "")
    return int(stated) if stated.isdecimal() else None


def _check_size(url: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise IntegrityError(
            f"{without_credentials(url)} is larger than {max_bytes} bytes",
            cause="the address leads to something else, such as a login page or another file",
            action="check the address",
        )


def _wrong_digest(download: Download, digest: str) -> IntegrityError:
    return IntegrityError(
        f"{without_credentials(download.url)} has the SHA-256 {digest} instead of {download.sha256}",
        cause="the file was replaced on the server or altered on its way",
        action="find out which; correct the pinned digest only if the new file is the right one",
    )


def _unreachable(url: str, reason: str, *, attempts: int) -> NetworkError:
    tries = "once" if attempts == 1 else f"{attempts} times"
    shown = without_credentials(url)
    return NetworkError(
        f"cannot fetch {shown} (tried {tries}): {reason.replace(url, shown)}",
        cause="no connection, a proxy that is not set (https_proxy), an unknown certificate (SSL_CERT_FILE), "
        "or a server in trouble",
        action="run the same command again when the connection works; what was fetched so far is kept",
    )
