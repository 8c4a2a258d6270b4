"""Archives of prebuilds: from the cache, from beside a local index, or downloaded, mirrors first."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from pipeline import fs, net
from pipeline.context import Context
from pipeline.errors import InstallError, IntegrityError, NetworkError, PipelineError
from pipeline.installing.index import Index
from pipeline.model.events import Where
from pipeline.model.prebuilds.manifest import Archive, Prebuild

MAX_ARCHIVE_BYTES = 4 * 1024**3


def obtain_archive(
    prebuild: Prebuild, index: Index, mirrors: tuple[str, ...], client: net.Client, context: Context
) -> tuple[Archive, Path]:
    """Return the smallest archive of *prebuild* as a file of the right digest.

    Raises InstallError when the index names none, NetworkError, IntegrityError.
    """
    if not prebuild.archives:
        raise InstallError(
            f"the index names no archive of {prebuild.path}",
            cause="it is the manifest of a package, without the package's files",
            action="give the index that lies beside the archives",
        )
    archive = min(prebuild.archives, key=lambda one: one.size_bytes)
    if isinstance(index.base, Path) and archive.url is None:
        return archive, _beside(index.base / archive.name, archive)
    return archive, _fetched(archive, index, mirrors, client, context)


def archive_path(sha256: str, name: str, context: Context) -> Path:
    """Return where the cache has an archive."""
    return context.cache_dir / "prebuilds" / "archives" / sha256 / name


def _beside(path: Path, archive: Archive) -> Path:
    if not path.is_file():
        raise InstallError(
            f"{path.name} is not beside the index in {path.parent}",
            cause="it was left out when the directory was copied",
            action="copy it there, too; a `url` in the index may name another place",
        )
    if path.stat().st_size != archive.size_bytes or fs.sha256_file(path) != archive.sha256:
        raise IntegrityError(
            f"{path} is not what the index beside it says",
            cause="it was changed, or cut off on its way",
            action="transfer it again",
        )
    return path


def _fetched(archive: Archive, index: Index, mirrors: tuple[str, ...], client: net.Client, context: Context) -> Path:
    final = archive_path(archive.sha256, archive.name, context)
    with fs.locked(final.parent.with_name(f".{archive.sha256}.lock")):
        if final.is_file() and fs.sha256_file(final) == archive.sha256:
            return final
        if context.offline:
            raise must_be_fetched(archive.name)
        order = net.Download(
            url=archive.url or urllib.parse.urljoin(str(index.base), archive.name),
            destination=final,
            title=archive.name,
            max_bytes=min(archive.size_bytes, MAX_ARCHIVE_BYTES),
            sha256=archive.sha256,
        )
        with context.reporter.step(f"fetch {archive.name}", where=Where.NETWORK):
            download_first([urllib.parse.urljoin(mirror, archive.name) for mirror in mirrors], order, client)
    return final


def must_be_fetched(name: str) -> NetworkError:
    """Return the error for an archive that is not here when nothing may be fetched."""
    return NetworkError(
        f"{name} must be fetched and --offline forbids it",
        cause="it was never fetched here, or the cache is another one",
        action="run the same command once without --offline",
    )


def download_first(mirrors: Iterable[str], order: net.Download, client: net.Client) -> net.Downloaded:
    """Download from the first of the addresses *mirrors* that has it, else from the project's own place in *order*.

    Raises the error of the latter, which names what mirrors said: NetworkError, IntegrityError, InstallError.
    """
    failures: list[PipelineError] = []
    for address in (*mirrors, order.url):
        try:
            return client.download(dataclasses.replace(order, url=address))
        except (NetworkError, IntegrityError, InstallError) as error:
            failures.append(error)
    *others, last = failures
    raise type(last)(
        last.what, cause=last.cause, action=last.action, details="\n".join(str(error.what) for error in others)
    )
