"""The index of a project's prebuilds: from an address, a file, or a directory that has one."""

from __future__ import annotations

import dataclasses
import hashlib
import urllib.parse
from pathlib import Path

import pydantic

from pipeline import fs, net
from pipeline.context import Context
from pipeline.errors import InstallError, NetworkError
from pipeline.model.prebuilds.manifest import INDEX_SUFFIX, MANIFEST_PATH, PrebuildManifest
from pipeline.net.wording import without_credentials

MAX_INDEX_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Index:
    """An index, and where its archives lie."""

    manifest: PrebuildManifest
    base: str | Path
    """Address (ending with a slash) or directory."""
    layout: Path | None = None
    """Root of a package that has the files themselves."""


def is_address(location: str) -> bool:
    """Tell whether *location* is an HTTP address."""
    return location.startswith(("http://", "https://"))


def read_local_index(location: Path) -> Index:
    """Return the index in a file, or in a directory that ``prebuild`` wrote or that is a package.

    Raises InstallError when there is none, or several.
    """
    if location.is_dir():
        found = sorted(location.glob(f"*{INDEX_SUFFIX}"))
        if len(found) > 1:
            raise _unusable(str(location), f"it has {len(found)} of them: {', '.join(path.name for path in found)}")
        location = found[0] if found else location / MANIFEST_PATH
    try:
        if location.stat().st_size > MAX_INDEX_BYTES:
            raise ValueError("it is too large to be one")
        manifest = _parsed(location.read_bytes(), str(location))
    except (OSError, ValueError) as error:
        raise _unusable(str(location), getattr(error, "strerror", None) or str(error)) from error
    is_package = location.as_posix().endswith(f"/{MANIFEST_PATH}")
    root = location.parents[1] if is_package else location.parent
    return Index(manifest=manifest, base=root, layout=root if (root / MANIFEST_PATH).is_file() else None)


def fetch_index(url: str, mirrors: tuple[str, ...], client: net.Client, context: Context) -> Index:
    """Return the index at *url*, asked of *mirrors* first; a copy of an earlier run where none of them answers.

    Raises NetworkError when there is no copy, either, InstallError for something that is no index.
    """
    copy = _copy_path(url, context)
    last: NetworkError | InstallError | None = None
    for address in () if context.offline else (*(_at_mirror(url, mirror) for mirror in mirrors), url):
        try:
            content = client.get_bytes(address, max_bytes=MAX_INDEX_BYTES)
            manifest = _parsed(content, address)
        except (NetworkError, InstallError) as error:
            # A mirror may show a login page in its place; the project's own place has the last word.
            last = error
            continue
        fs.write_if_changed(copy, content.decode())
        return Index(manifest=manifest, base=_base(url))
    kept = None if isinstance(last, InstallError) else _kept(copy)
    if kept is None:
        raise last or _offline(url)
    if last:
        context.reporter.warn(f"{last.what}; a copy from an earlier run is used")
    return Index(manifest=kept, base=_base(url))


def _at_mirror(url: str, mirror: str) -> str:
    return urllib.parse.urljoin(mirror, urllib.parse.urlsplit(url).path.rpartition("/")[2])


def _kept(copy: Path) -> PrebuildManifest | None:
    """Return the copy of an earlier run, None where there is none or it was damaged."""
    try:
        return _parsed(copy.read_bytes(), str(copy))
    except (OSError, InstallError):
        return None


def _base(url: str) -> str:
    return urllib.parse.urljoin(url, "./")


def _copy_path(url: str, context: Context) -> Path:
    # Only a digest of the address is written down: it may carry credentials.
    return context.cache_dir / "prebuilds" / "indexes" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"


def _parsed(content: bytes, where: str) -> PrebuildManifest:
    try:
        return PrebuildManifest.model_validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unusable(where, f"{place}: {first['msg']}" if place else first["msg"]) from error


def _unusable(where: str, why: str) -> InstallError:
    return InstallError(
        f"{without_credentials(where) if is_address(where) else where} is no index of prebuilds: {why}",
        cause="another file or directory, a login page in its place, or an index of a newer version",
        action=f"give the address or path of NAME-VERSION{INDEX_SUFFIX}",
    )


def _offline(url: str) -> NetworkError:
    return NetworkError(
        f"{without_credentials(url)} must be fetched and --offline forbids it",
        cause="it was never fetched here, or the cache is another one",
        action="run the same command once without --offline",
    )
