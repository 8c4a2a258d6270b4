"""Addresses and failures as messages may show them, and which certificates are trusted."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def ca_bundle(environ: Mapping[str, str]) -> str | None:
    """Return the file of certificates that *environ* names, if it is there."""
    named = next((environ[name] for name in _CA_VARIABLES if environ.get(name)), None)
    return named if named and Path(named).exists() else None


def without_credentials(url: str) -> str:
    """Return *url* with user name, password and query left out, as messages may show it."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))


def reason_of(error: BaseException) -> str:
    """Return the innermost cause in words; the outer ones repeat addresses, credentials included."""
    seen = error
    while True:
        inner = seen.__cause__ or seen.__context__ or next((a for a in seen.args if isinstance(a, BaseException)), None)
        inner = getattr(seen, "reason", None) if isinstance(getattr(seen, "reason", None), BaseException) else inner
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    text = getattr(seen, "strerror", None) or str(seen).rpartition(">: ")[2] or type(seen).__name__
    return str(text)


def asked_pause_s(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After asks for: seconds or a date (RFC 9110, 10.2.3)."""
    stated = (headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if stated.isdecimal():
        return float(stated)
    with contextlib.suppress(ValueError, TypeError):
        then = email.utils.parsedate_to_datetime(stated)
        return (then - dt.datetime.now(then.tzinfo)).total_seconds()
    return None
