"""Sends blobs: once to each repository, from where an earlier attempt was cut where the registry knows that.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs: POST opens an upload (or mounts the
blob from another repository), PATCH sends, GET says how far it came, PUT ends it with the digest.
"""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.net import PASSING_STATUSES
from pipeline.net.exchange import Answer, CutError, Request
from pipeline.oci_registry.client import Registry, push_scope, unreachable

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_AGAIN = PASSING_STATUSES | {401, 404, 416}
"""A token may have ended, and an upload may be unknown since the registry was started again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalBlob:
    """A blob on disk, whose content has its digest."""

    digest: str
    path: Path
    size_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a blob is to be."""

    registry: Registry
    path: str
    """Of the repository."""
    mounted_from: str | None = None
    """Another repository of the registry that may have the blob."""

    @property
    def scope(self) -> str:
        """Return what must be allowed."""
        return push_scope(self.path, self.mounted_from)


def has_blob(destination: Destination, blob: LocalBlob) -> bool:
    """Return whether the repository has the blob."""
    registry = destination.registry
    request = Request(method="HEAD", url=registry.url(destination.path, "blobs", blob.digest))
    answer = registry.ask(request, destination.scope)
    if answer.status != 404:
        registry.expect(answer, {200}, f"say whether {destination.path} has {blob.digest}")
    return answer.status == 200


def upload(destination: Destination, blob: LocalBlob, on_sent: Callable[[int], None]) -> bool:
    """Bring the blob to the repository; return False when it was there, or was mounted, so that nothing was sent.

    *on_sent* is told how many bytes of the blob are there. Raises RegistryError, NetworkError.
    """
    if has_blob(destination, blob):
        return False
    registry, attempt, offset = destination.registry, 0, 0
    place = _begin(destination, blob)
    while place is not None:
        last: Answer | CutError
        try:
            last = _send(destination, blob, _Part(place=place, offset=offset, on_sent=on_sent))
            if last.status in {201, 204}:
                return True
            registry.expect(last, set() if last.status not in _AGAIN else {last.status}, f"take a blob of {place}")
        except CutError as error:
            last = error
        if not registry.pause(attempt, last if isinstance(last, Answer) else None):
            if isinstance(last, CutError):
                raise unreachable(registry.host, last, attempt + 1) from None
            registry.expect(last, set(), f"take the blob {blob.digest} in {destination.path}")
        attempt += 1
        if has_blob(destination, blob):
            return True
        place, offset = _continued(destination, blob, place)
    return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    place: str
    """Address of the upload."""
    offset: int
    on_sent: Callable[[int], None]


def _begin(destination: Destination, blob: LocalBlob) -> str | None:
    """Open an upload and return its address; None when the blob was mounted instead."""
    registry = destination.registry
    query = {"mount": blob.digest, "from": destination.mounted_from} if destination.mounted_from else {}
    url = registry.url(destination.path, "blobs", "uploads", "")
    request = Request(method="POST", url=_with_query(url, query), content=b"")
    answer = registry.ask(request, destination.scope)
    registry.expect(answer, {201, 202}, f"open an upload in {destination.path}")
    return None if answer.status == 201 else registry.joined(answer.headers.get("location", ""))


def _send(destination: Destination, blob: LocalBlob, part: _Part) -> Answer:
    """Send what is missing, and end the upload; return the first answer that is no success, or the last one."""
    registry, place = destination.registry, part.place
    if blob.size_bytes > part.offset:
        request = Request(
            method="PATCH", url=place, file=blob.path, offset=part.offset, on_sent=part.on_sent,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{part.offset}-{blob.size_bytes - 1}",
            },
        )  # fmt: skip
        answer = registry.once(request, destination.scope)
        if answer.status not in {202, 204}:
            return answer
        place = registry.joined(answer.headers.get("location", ""))
    url = _with_query(place, {"digest": blob.digest})
    # If its answer is lost, the next attempt finds no such upload any more, and then the blob in its place.
    return registry.ask(Request(method="PUT", url=url, content=b""), destination.scope)


def _continued(destination: Destination, blob: LocalBlob, place: str) -> tuple[str | None, int]:
    """Return where to go on, and from which byte; what the registry does not know any more begins anew."""
    registry = destination.registry
    answer = registry.ask(Request(method="GET", url=place), destination.scope)
    have = _RANGE.fullmatch(answer.headers.get("range", ""))
    # A registry that has nothing says 0-0, as one does that has one byte.
    last = int(have[1]) if have else 0
    if answer.status == 204 and 0 < last < blob.size_bytes:
        return registry.joined(answer.headers.get("location") or place), last + 1
    return _begin(destination, blob), 0


def _with_query(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    joint = "&" if urllib.parse.urlsplit(url).query else "?"
    return url + joint + urllib.parse.urlencode(query)
