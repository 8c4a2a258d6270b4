"""Assets: brought up whole, and read back to be compared."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import IntegrityError, PublishError
from pipeline.github.api import Api, RefusedError, UncertainError
from pipeline.github.releases import Release, Releases
from pipeline.model.events import Progress, Reporter
from pipeline.model.releases.release import AssetFile, RemoteAsset, is_as_planned

_TAKEN = "already_exists"


class Transfer:
    """Moves the bytes of one release."""

    def __init__(self, api: Api, reporter: Reporter) -> None:
        """Use *api* for everything."""
        self._api = api
        self._releases = Releases(api)
        self._reporter = reporter

    def upload(self, release: Release, file: AssetFile) -> RemoteAsset:
        """Send *file* until the server has it whole; what a cut attempt left is deleted first.

        Raises PublishError for a name that the server changes, RefusedError, UncertainError after the last attempt.
        """
        for attempt in range(self._api.patience.attempts):
            try:
                asset = self._sent(release, file)
            except UncertainError:
                if attempt + 1 == self._api.patience.attempts:
                    raise
                asset = None
            except RefusedError as error:
                if _TAKEN not in error.said or attempt + 1 == self._api.patience.attempts:
                    raise
                asset = None
            if asset is None:
                self._api.wait(attempt)
                asset = self._left_behind(release, file)
            if asset and self._is_good(asset, file):
                return asset
        raise _never_whole(file)

    def _sent(self, release: Release, file: AssetFile) -> RemoteAsset:
        with self._reporter.progress(f"upload {file.name}", total=file.size_bytes) as progress:
            return self._releases.upload(release, file, _bar(progress))

    def _left_behind(self, release: Release, file: AssetFile) -> RemoteAsset | None:
        """Return what lies under the file's name: it may be all of it."""
        assets = self._releases.assets(release.id)
        return next((asset for asset in assets if asset.name == file.name), None)

    def _is_good(self, asset: RemoteAsset, file: AssetFile) -> bool:
        if asset.name == file.name and is_as_planned(asset, file):
            return True
        self._releases.delete_asset(asset)
        if asset.name != file.name:
            raise PublishError(
                f"GitHub calls the asset {file.name} {asset.name}",
                cause="it changes names with characters that it does not like",
                action="give the file a name of letters, digits, dots, dashes and underscores",
            )
        return False

    def differing(
        self, assets: Iterable[RemoteAsset], files: Iterable[AssetFile], *, public: bool
    ) -> tuple[RemoteAsset, ...]:
        """Return the assets whose bytes, as the server hands them out, are not those of the files.

        *public*: as anybody gets them. Raises RefusedError, UncertainError.
        """
        wanted = {file.name: file for file in files}
        return tuple(asset for asset in assets if not self._proved(asset, wanted[asset.name], public=public))

    def _proved(self, asset: RemoteAsset, file: AssetFile, *, public: bool) -> bool:
        attempts, wanted = self._api.patience.attempts, (file.sha256, file.size_bytes)
        for attempt in range(attempts):
            with self._reporter.progress(f"read back {file.name}", total=file.size_bytes) as progress:
                try:
                    return self._releases.digest(asset, public=public, on_read=_bar(progress)) == wanted
                except RefusedError as error:
                    # What became public a moment ago need not be everywhere yet.
                    if error.status != 404 or attempt + 1 == attempts:
                        raise
                except IntegrityError:
                    return False
            self._api.wait(attempt)
        return False


class _bar:  # noqa: N801 - used like a function
    """Moves a progress bar to where a transfer is; an attempt made again does not move it twice."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._shown_bytes = 0

    def __call__(self, at_bytes: int) -> None:
        if at_bytes > self._shown_bytes:
            self._progress.advance(at_bytes - self._shown_bytes)
            self._shown_bytes = at_bytes


def _never_whole(file: AssetFile) -> PublishError:
    return PublishError(
        f"GitHub does not keep {file.name} as it was sent",
        cause="the file changes while it is sent, or GitHub is in trouble (https://www.githubstatus.com)",
        action="run the same command again; nothing is public",
    )
