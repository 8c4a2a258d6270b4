"""Names of images in registries, such as ``docker://registry.example.org:5000/team/app:1.2@sha256:…``.

Grammar: https://pkg.go.dev/github.com/distribution/reference (host, path, tag, digest) and, for what Docker leaves out,
its defaults: the host ``docker.io``, the path ``library/NAME``, the tag ``latest``.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re

from pipeline.errors import UsageError

SCHEME = "docker:"
DEFAULT_HOST = "docker.io"
DEFAULT_TAG = "latest"
_DEFAULT_HOST_NAMES = frozenset({DEFAULT_HOST, "index.docker.io", "registry-1.docker.io"})
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PATH}(?:/{_PATH})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)
_MAX_LENGTH = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repository:
    """A place in a registry that holds the versions of one image."""

    host: str
    """With the port where one was given."""
    path: str

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.host}/{self.path}"

    @property
    def is_here(self) -> bool:
        """Return whether the registry is on this very machine: only then is it spoken to without encryption."""
        return is_loopback(_host_name(self.host))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageReference:
    """One image of a repository."""

    repository: Repository
    tag: str | None
    digest: str | None
    """``sha256:…``; where it is given, it decides."""

    @property
    def version(self) -> str:
        """Return what the registry is asked for: the digest, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        """Return it in full, without the scheme."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def looks_like_reference(text: str) -> bool:
    """Return whether *text*, which is no path that is there, can only be meant as an image in a registry."""
    if text.startswith(SCHEME) or "@sha256:" in text:
        return True
    found = _REFERENCE.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    return bool(found and (found["tag"] or found["digest"]))


def parse_reference(text: str) -> ImageReference:
    """Return the image that *text* names, with or without ``docker://``; raises UsageError."""
    # A path's normal form has one slash.
    plain = text.removeprefix(SCHEME).lstrip("/") if text.startswith(SCHEME) else text
    found = _REFERENCE.fullmatch(plain) if len(plain) <= _MAX_LENGTH else None
    if found is None:
        raise _no_reference(text)
    host, path = found["host"], found["path"]
    if host and not _is_host(host):
        host, path = None, f"{host}/{path}"
    if not host or host in _DEFAULT_HOST_NAMES:
        host, path = DEFAULT_HOST, path if "/" in path else f"library/{path}"
    tag = found["tag"] or (None if found["digest"] else DEFAULT_TAG)
    return ImageReference(repository=Repository(host=host, path=path), tag=tag, digest=found["digest"])


def parse_repository(text: str) -> Repository:
    """Return the repository that *text* names, without a tag or digest; raises UsageError."""
    reference = parse_reference(text)
    if reference.digest or reference.tag != DEFAULT_TAG or text.endswith(f":{DEFAULT_TAG}"):
        raise UsageError(
            f"{text} is an image, not a repository",
            cause="tags are computed from the version and the variant",
            action="leave the tag and the digest out",
        )
    return reference.repository


def is_loopback(host: str) -> bool:
    """Return whether *host*, a name or an address without a port, is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_host(first: str) -> bool:
    """Tell a host from the first part of a path, as Docker does."""
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _no_reference(text: str) -> UsageError:
    return UsageError(
        f"{text[:200]!r} is not the name of an image",
        cause="such names are [HOST[:PORT]/]PATH[:TAG][@sha256:DIGEST], with a path in lower case",
        action="correct the name, such as docker://registry.example.org/team/app:1.2",
    )
