"""Bring a published release back to this machine: all of its files, or those of some kinds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, PublishError
from pipeline.github.api import Api
from pipeline.github.releases import Releases
from pipeline.model.events import Where
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import MANIFEST_NAME, SUMS_NAME, ReleaseManifest
from pipeline.model.releases.release import MAX_ASSET_BYTES, RemoteAsset
from pipeline.releasing.directory import (
    MAX_MANIFEST_BYTES,
    MAX_SUMS_BYTES,
    read_manifest,
    read_sums,
    release_directory,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchInputs:
    """A release, and what of it is wanted."""

    api: Api
    tag: str
    out_dir: Path
    """Gets a directory named like the tag."""
    kinds: frozenset[AssetKind] = frozenset()
    """Empty: everything. Manifest and sums always come along."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchedRelease:
    """A release that lies here."""

    directory: Path
    manifest: ReleaseManifest
    files: tuple[str, ...]


def run(inputs: FetchInputs, context: Context) -> FetchedRelease:
    """Fetch; the directory is there with all that was wanted, compared with the manifest, or as it was.

    Raises PublishError when there is no such release or it was not assembled here, IntegrityError when a file is not
    what the manifest says, RefusedError, UncertainError, ReleaseError when something else lies in the way.
    """
    with context.reporter.step(f"fetch {inputs.tag}", where=Where.NETWORK) as step:
        assets = _assets(inputs)
        final = inputs.out_dir / inputs.tag
        with release_directory(final) as staging:
            fetching = _Fetching(inputs, assets, staging)
            manifest = fetching.manifest()
            wanted = [asset for asset in manifest.assets() if not inputs.kinds or asset.kind in inputs.kinds]
            for asset in wanted:
                fetching.file(asset.name, sha256=asset.sha256, max_bytes=asset.size_bytes)
        names = (MANIFEST_NAME, SUMS_NAME, *(asset.name for asset in wanted))
        step.detail(f"{len(names)} files, {sum(asset.size_bytes for asset in wanted):,} bytes")
    return FetchedRelease(directory=final, manifest=manifest, files=names)


def _assets(inputs: FetchInputs) -> dict[str, RemoteAsset]:
    releases = Releases(inputs.api)
    release = releases.published(inputs.tag)
    assets = {asset.name: asset for asset in releases.assets(release.id)} if release else {}
    if not {MANIFEST_NAME, SUMS_NAME} <= set(assets):
        raise PublishError(
            f"there is no release {inputs.tag} with a {MANIFEST_NAME}" if release else f"{inputs.tag} is not published",
            cause="a misspelt tag, a draft, one that was withdrawn, or one that `release assemble` did not make",
            action="see `python -m pipeline release list`",
        )
    return assets


class _Fetching:
    """The files of one release on their way."""

    def __init__(self, inputs: FetchInputs, assets: dict[str, RemoteAsset], directory: Path) -> None:
        self._releases, self._tag = Releases(inputs.api), inputs.tag
        self._assets, self._directory = assets, directory

    def manifest(self) -> ReleaseManifest:
        """Fetch the sums, and the manifest, which must be what they say."""
        self.file(SUMS_NAME, max_bytes=MAX_SUMS_BYTES)
        sums = read_sums(self._directory / SUMS_NAME)
        self.file(MANIFEST_NAME, sha256=sums.get(MANIFEST_NAME, ""), max_bytes=MAX_MANIFEST_BYTES)
        found = read_manifest(self._directory / MANIFEST_NAME)
        if found.tag != self._tag:
            raise self._wrong(MANIFEST_NAME, f"it is that of {found.tag}")
        return found

    def file(self, name: str, *, sha256: str | None = None, max_bytes: int = MAX_ASSET_BYTES) -> None:
        """Fetch one file; raises IntegrityError when it is not there, or another one."""
        if name not in self._assets:
            raise self._wrong(name, "it is not there")
        with fs.atomic_path(self._directory / name) as temporary, temporary.open("wb") as sink:
            found = self._releases.save(self._assets[name], sink, max_bytes=max_bytes)
        if sha256 is not None and found != sha256:
            raise self._wrong(name, "it has other bytes")

    def _wrong(self, name: str, why: str) -> IntegrityError:
        return IntegrityError(
            f"{name} of {self._tag} is not what the release says: {why}",
            cause="somebody changed the assets of the release, or a server on the way changes what it sends",
            action="withdraw the release, and publish it again under a revision",
        )
