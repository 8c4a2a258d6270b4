"""Which hosts may be asked for prebuilds, redirects included."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Iterable

from pipeline.errors import InstallError
from pipeline.net.wording import without_credentials

# Releases on github.com lead there:
# https://docs.github.com/en/get-started/using-github/troubleshooting-connectivity-problems
_SERVED_BY = {"github.com": ("objects.githubusercontent.com", "release-assets.githubusercontent.com")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllowedHosts:
    """Names of hosts, with a port or for any port."""

    hosts: frozenset[str]
    plain: frozenset[str]
    """Those that may be asked without encryption, because the user gave such an address."""

    @classmethod
    def of(cls, urls: Iterable[str], further: Iterable[str] = ()) -> AllowedHosts:
        """Allow the hosts of *urls*, those that they are known to serve from, and *further* ones."""
        parts = [urllib.parse.urlsplit(url) for url in urls]
        named = {_host(part) for part in parts} | set(further)
        served = {other for host in named for other in _SERVED_BY.get(host, ())}
        plain = frozenset(_host(part) for part in parts if part.scheme == "http")
        return cls(hosts=frozenset(named | served), plain=plain)

    def check(self, url: str) -> None:
        """Raise InstallError unless *url* may be asked."""
        parts = urllib.parse.urlsplit(url)
        host = _host(parts)
        if host not in self.hosts and (parts.hostname or "") not in self.hosts:
            raise InstallError(
                f"{without_credentials(url)} is on a host that is not allowed",
                cause=f"a redirect, or an address in the index; allowed are {', '.join(sorted(self.hosts))}",
                action="find out who sends you there; --allow-host allows more",
            )
        if parts.scheme != "https" and host not in self.plain:
            raise InstallError(
                f"{without_credentials(url)} is not encrypted",
                cause="a redirect, or an address in the index, that begins with http://",
                action="find out who sends you there, and ask for an address with https://",
            )


def _host(parts: urllib.parse.SplitResult) -> str:
    return parts.netloc.rpartition("@")[2].lower()
