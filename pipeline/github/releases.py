"""Releases and their assets: https://docs.github.com/en/rest/releases."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from typing import IO, Annotated, TypeVar

import pydantic

from pipeline.errors import PublishError
from pipeline.github.api import Api, Call, RefusedError
from pipeline.model.releases.release import MAX_ASSET_BYTES, AssetFile, RemoteAsset
from pipeline.net.exchange import origin_of

_Model = TypeVar("_Model", bound=pydantic.BaseModel)
_DIGEST_PREFIX = "sha256:"
_CONTENT_TYPES = {".zip": "application/zip", ".json": "application/json", ".zst": "application/zstd"}


class _Asset(pydantic.BaseModel):
    """An asset in an answer."""

    model_config = pydantic.ConfigDict(frozen=True)

    id: int
    name: Annotated[str, pydantic.Field(max_length=1000)]
    state: str
    size: int
    digest: str | None = None
    url: str
    browser_download_url: str

    def known(self) -> RemoteAsset:
        digest = self.digest or ""
        return RemoteAsset(
            asset_id=self.id,
            name=self.name,
            state=self.state,
            size_bytes=self.size,
            sha256=digest.removeprefix(_DIGEST_PREFIX) if digest.startswith(_DIGEST_PREFIX) else None,
            api_url=self.url,
            public_url=self.browser_download_url,
        )


class Release(pydantic.BaseModel):
    """A release in an answer, as far as it concerns us."""

    model_config = pydantic.ConfigDict(frozen=True)

    id: int
    tag_name: str
    name: str | None = None
    body: str | None = None
    draft: bool
    prerelease: bool = False
    immutable: bool = False
    upload_url: str
    html_url: str
    created_at: str = ""
    published_at: str | None = None
    assets: tuple[_Asset, ...] = ()
    """As a list of releases tells them; ``Releases.assets`` has all of them, and at once."""

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all assets together."""
        return sum(asset.size for asset in self.assets)


class Releases:
    """The releases of one repository."""

    def __init__(self, api: Api) -> None:
        """Use *api* for everything."""
        self._api = api
        self._base = f"/repos/{api.access.repository}"

    def are_private(self) -> bool:
        """Return whether strangers see nothing of the repository.

        The permissions in the same answer are not looked at: what they say of a workflow's token is not documented.
        """
        found = self._api.call(Call(method="GET", path=self._base))
        return bool(isinstance(found, dict) and found.get("private"))

    def all(self) -> tuple[Release, ...]:
        """Return every release; drafts are among them for those who may write."""
        return tuple(_parse(Release, found) for found in self._api.pages(f"{self._base}/releases"))

    def published(self, tag: str) -> Release | None:
        """Return the published release of *tag*. A draft is not found by its tag."""
        quoted = urllib.parse.quote(tag, safe="")
        return self._found(f"{self._base}/releases/tags/{quoted}")

    def get(self, release_id: int) -> Release | None:
        """Return a release, drafts included, None when it is gone."""
        return self._found(f"{self._base}/releases/{release_id}")

    def create_draft(self, fields: Mapping[str, object]) -> Release:
        """Make a draft. Raises UncertainError: look for it before another one is made."""
        body = {**fields, "draft": True}
        return _parse(
            Release, self._api.call(Call(method="POST", path=f"{self._base}/releases", body=body, again=False))
        )

    def edit(self, release_id: int, fields: Mapping[str, object]) -> Release:
        """Set fields of a release. Raises UncertainError: look before it is done again."""
        call = Call(method="PATCH", path=f"{self._base}/releases/{release_id}", body=dict(fields), again=False)
        return _parse(Release, self._api.call(call))

    def delete(self, release_id: int) -> None:
        """Delete a release with its assets; its tag stays."""
        self._gone(f"{self._base}/releases/{release_id}")

    def notes(self, tag: str) -> str:
        """Return notes that the service makes from what was merged since the last release."""
        path = f"{self._base}/releases/generate-notes"
        made = self._api.call(Call(method="POST", path=path, body={"tag_name": tag})) or {}
        return str(made.get("body", ""))

    def assets(self, release_id: int) -> tuple[RemoteAsset, ...]:
        """Return the assets of a release, unfinished ones included."""
        pages = self._api.pages(f"{self._base}/releases/{release_id}/assets")
        return tuple(_parse(_Asset, found).known() for found in pages)

    def upload(self, release: Release, file: AssetFile, on_sent: Callable[[int], None] | None = None) -> RemoteAsset:
        """Send a file, from the disk, in windows. Raises UncertainError: look what is there before it is sent again."""
        base = release.upload_url.partition("{")[0]
        if origin_of(base) not in {self._api.access.upload_origin(), origin_of(self._api.access.api_url)}:
            raise PublishError(
                f"GitHub names {origin_of(base)} as the place for uploads",
                cause="it is not the upload host that belongs to the interface, and the token must not go there",
                action="check --api-url",
            )
        kind = _CONTENT_TYPES.get(file.path.suffix, "application/octet-stream")
        call = Call(
            method="POST",
            path=f"{base}?name={urllib.parse.quote(file.name, safe='')}",
            file=file.path,
            on_sent=on_sent,
            headers={"Content-Type": kind},
            again=False,
        )
        return _parse(_Asset, self._api.call(call)).known()

    def delete_asset(self, asset: RemoteAsset) -> None:
        """Delete an asset; one that is gone is fine."""
        self._gone(f"{self._base}/releases/assets/{asset.asset_id}")

    def digest(
        self, asset: RemoteAsset, *, public: bool, on_read: Callable[[int], None] | None = None
    ) -> tuple[str, int]:
        """Return digest and size of what the server hands out; *public*: to anybody."""
        url = asset.public_url if public else asset.api_url
        found = self._api.digest(url, max_bytes=MAX_ASSET_BYTES, on_read=on_read)
        return found.sha256, found.size_bytes

    def save(self, asset: RemoteAsset, sink: IO[bytes], *, max_bytes: int = MAX_ASSET_BYTES) -> str:
        """Write what the server hands out to *sink*, a file that is emptied first, and return its digest."""
        return self._api.digest(asset.api_url, max_bytes=max_bytes, sink=sink).sha256

    def _found(self, path: str) -> Release | None:
        try:
            return _parse(Release, self._api.call(Call(method="GET", path=path)))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _gone(self, path: str) -> None:
        try:
            self._api.answer(Call(method="DELETE", path=path))
        except RefusedError as error:
            if error.status != 404:
                raise


def _parse(model: type[_Model], found: object) -> _Model:
    try:
        return model.model_validate(found)
    except pydantic.ValidationError as error:
        raise PublishError(
            f"GitHub's answer is not a {model.__name__.strip('_').lower()}",
            cause="--api-url leads to something else, or the interface has changed",
            action="check --api-url",
            details=str(error),
        ) from None
