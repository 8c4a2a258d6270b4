"""One registry: manifests, blobs and tags. Requests that a registry in trouble answered are made again.

Answers are bounded, and what has a digest is that, or an error. https:// only, but for registries on this very machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import IO, TypeVar

from pipeline.errors import RegistryError
from pipeline.model.images.reference import DEFAULT_HOST, Repository
from pipeline.net import PASSING_STATUSES, RetryPolicy
from pipeline.net.exchange import Answer, CutError, Digested, Exchanger, Request, origin_of
from pipeline.net.wording import asked_pause_s
from pipeline.oci_registry.challenge import read_challenge
from pipeline.oci_registry.logins import find_login
from pipeline.oci_registry.tokens import Tokens, refused

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
PATIENCE = RetryPolicy(attempts=6, first_pause_s=0.5, longest_pause_s=300.0)
_T = TypeVar("_T")
_DEFAULT_SERVER = "registry-1.docker.io"
_MAX_SHOWN = 300
MAX_TAGS = 20_000
_TAGS_PAGE = 1000
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
"""Of the header Link (RFC 8288)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest or an index, as the registry has it."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """Return ``sha256:…`` of the content."""
        return digest_of(self.content)


def digest_of(content: bytes) -> str:
    """Return what *content* is called in registries."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry(contextlib.AbstractContextManager["Registry"]):
    """A session with one registry; use it as a context manager."""

    def __init__(self, repository: Repository, environ: Mapping[str, str], patience: RetryPolicy = PATIENCE) -> None:
        """Open no connection yet. Raises RegistryError for stored logins that cannot be read."""
        self.host = repository.host
        server = _DEFAULT_SERVER if self.host == DEFAULT_HOST else self.host
        self._base = f"{'http' if repository.is_here else 'https'}://{server}"
        self._patience = patience
        self._exchanger = Exchanger(environ=environ, user_agent="snapstitch")
        self._login = find_login(self.host, environ)
        self._tokens = Tokens(host=self.host, origin=origin_of(self._base), login=self._login, send=self._patiently)
        self.requests = 0
        """How many were made."""

    def __exit__(self, *_exception: object) -> None:
        """Close the connections."""
        self._exchanger.__exit__()

    def manifest(self, path: str, version: str) -> Manifest | None:
        """Return the manifest that has the tag or digest *version* in the repository *path*, None when none has.

        Raises RegistryError, NetworkError, and IntegrityError for one that is too large.
        """
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        answer = self.ask(Request(method="GET", url=self.url(path, "manifests", version), headers=headers), _pull(path))
        if answer.status == 404:
            return None
        self.expect(answer, {200}, f"give {path}:{version}")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        found = Manifest(media_type=media_type, content=answer.body)
        if len(found.content) > MAX_MANIFEST_BYTES:
            raise self.wrong(f"{path}:{version} is larger than {MAX_MANIFEST_BYTES:,} bytes")
        if version.startswith("sha256:") and found.digest != version:
            raise self.wrong(f"{version} has another content than its digest says")
        return found

    def save_blob(self, path: str, digest: str, size_bytes: int, sink: IO[bytes]) -> None:
        """Write a blob to *sink*, which is emptied before each attempt; raises RegistryError, NetworkError."""
        request = Request(method="GET", url=self.url(path, "blobs", digest))

        def fetch(request: Request) -> Digested:
            sink.seek(0)
            sink.truncate()
            return self._exchanger.digest(request, max_bytes=size_bytes, sink=sink)

        got = self._asked(request, _pull(path), fetch, lambda got: got.answer)
        if got.answer is not None:
            self.expect(got.answer, set(), f"give the blob {digest} of {path}")
        if f"sha256:{got.sha256}" != digest or got.size_bytes != size_bytes:
            raise self.wrong(f"the blob {digest} of {path} has another content than its digest or its size says")

    def tags(self, path: str) -> tuple[str, ...]:
        """Return the tags of the repository *path*, at most MAX_TAGS; none where there is no such repository."""
        found: list[str] = []
        url = self.url(path, "tags", "list") + f"?n={_TAGS_PAGE}"
        while url and len(found) < MAX_TAGS:
            answer = self.ask(Request(method="GET", url=url), _pull(path))
            if answer.status == 404:
                break
            self.expect(answer, {200}, f"list the tags of {path}")
            said = answer.json()
            listed = said.get("tags") if isinstance(said, dict) else None
            found.extend(tag for tag in listed or () if isinstance(tag, str))
            following = _NEXT.search(answer.headers.get("link", ""))
            url = self.joined(following[1]) if following and listed else ""
        return tuple(found[:MAX_TAGS])

    def put_manifest(self, path: str, version: str, manifest: Manifest) -> None:
        """Store a manifest under its digest, or give it the tag *version*; raises RegistryError, NetworkError."""
        request = Request(
            method="PUT", url=self.url(path, "manifests", version), headers={"Content-Type": manifest.media_type},
            content=manifest.content,
        )  # fmt: skip
        answer = self.ask(request, push_scope(path))
        self.expect(answer, {200, 201}, f"take {path}:{version}")
        said = answer.headers.get("docker-content-digest", manifest.digest)
        if said != manifest.digest:
            raise self.wrong(f"it stored {path}:{version} as {said[:80]} instead of {manifest.digest}")

    def url(self, path: str, *parts: str) -> str:
        """Return the address of something in the repository *path*."""
        return "/".join((f"{self._base}/v2", path, *parts))

    def joined(self, location: str) -> str:
        """Return the address that a Location means; raises RegistryError for one that leads away without encryption."""
        url = urllib.parse.urljoin(f"{self._base}/", location)
        if not location or (self._base.startswith("https:") and not url.startswith("https:")):
            raise self.wrong("it names no address that an upload can go to")
        return url

    def ask(self, request: Request, scope: str) -> Answer:
        """Return the answer, whatever its status but those of a registry in trouble, or that asks for a login."""
        return self._asked(request, scope, self._exchanger.send, lambda answer: answer)

    def once(self, request: Request, scope: str) -> Answer:
        """Make one attempt, with the credential that was good for *scope* before. Raises CutError as well."""
        self.requests += 1
        return self._exchanger.send(dataclasses.replace(request, credential=self._tokens.known(scope)))

    def pause(self, attempt: int, answer: Answer | None = None) -> bool:
        """Wait after the failed *attempt* (from 0); return whether another one is allowed."""
        if attempt + 1 >= self._patience.attempts:
            return False
        time.sleep(self._patience.pause_s(attempt, asked_pause_s(answer.headers) if answer else None))
        return True

    def expect(self, answer: Answer, statuses: set[int], what: str) -> None:
        """Raise RegistryError unless the answer has one of *statuses*; *what* was wanted."""
        if answer.status in statuses:
            return
        if answer.status in {401, 403}:
            raise refused(self.host, has_login=self._login is not None)
        said = _said(answer)
        raise RegistryError(
            f"{self.host} does not {what}: it answered {answer.status}{f' ({said})' if said else ''}",
            cause="it has no such thing, is in trouble or out of space, or does not allow it",
            action="look at the registry, and run the same command again; what was stored so far is not sent again",
        )

    def wrong(self, why: str) -> RegistryError:
        """Return the error that says *why* an answer cannot be used."""
        return RegistryError(
            f"{self.host} answers what cannot be used: {why}",
            cause="the image is damaged or of an old kind, or a server between here and there answers in its place",
            action="push the image again, or see what the registry holds",
        )

    def _asked(
        self, request: Request, scope: str, send: Callable[[Request], _T], refusal: Callable[[_T], Answer | None]
    ) -> _T:
        known = self._tokens.known(scope)
        got = self._tried(dataclasses.replace(request, credential=known), send, refusal)
        answer = refusal(got)
        challenge = read_challenge(answer.headers.get("www-authenticate", "")) if answer else None
        if answer is None or answer.status != 401 or challenge is None or (known and challenge.scheme == "basic"):
            return got
        return self._tried(
            dataclasses.replace(request, credential=self._tokens.renewed(scope, challenge)), send, refusal
        )

    def _patiently(self, request: Request) -> Answer:
        return self._tried(request, self._exchanger.send, lambda answer: answer)

    def _tried(self, request: Request, send: Callable[[Request], _T], refusal: Callable[[_T], Answer | None]) -> _T:
        attempt = 0
        while True:
            answer: Answer | None = None
            self.requests += 1
            try:
                got = send(request)
                answer = refusal(got)
                if answer is None or answer.status not in PASSING_STATUSES or not self.pause(attempt, answer):
                    return got
            except CutError as error:
                if not self.pause(attempt):
                    raise unreachable(self.host, error, attempt + 1) from None
            attempt += 1


def unreachable(host: str, error: CutError, attempts: int) -> RegistryError:
    """Return the error that says that a registry cannot be talked to."""
    return RegistryError(
        f"cannot talk to the registry {host} (tried {attempts} times): {error}",
        cause="no connection, a wrong name, a proxy that is not set (https_proxy), or a registry in trouble",
        action="run the same command again when the connection works; what was stored so far is not sent again",
    )


def push_scope(path: str, mounted_from: str | None = None) -> str:
    """Return what must be allowed for a push."""
    return f"repository:{path}:pull,push" + (f" {_pull(mounted_from)}" if mounted_from else "")


def _pull(path: str) -> str:
    return f"repository:{path}:pull"


def _said(answer: Answer) -> str:
    """Return what the registry says about its refusal (distribution-spec, error codes)."""
    body = answer.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return ""
    texts = [f"{e.get('code')}: {e.get('message')}" for e in errors[:3] if isinstance(e, dict)]
    return "".join(c if c.isprintable() else " " for c in "; ".join(texts))[:_MAX_SHOWN]
