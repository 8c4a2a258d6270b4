"""What GitHub would hold: releases, assets, references; with the behaviours that hurt.

Each behaviour has its source:

* drafts are listed for those who may push, and not found by their tag ("Get a published release with the specified
  tag"): https://docs.github.com/en/rest/releases/releases
* a broken upload answers 502 and may leave an empty asset whose state is ``starter``; a name that is taken is 422
  ``already_exists``; special characters in names are replaced, and the answer has the new name:
  https://docs.github.com/en/rest/releases/assets#upload-a-release-asset
* an asset's bytes come directly or by a redirect: https://docs.github.com/en/rest/releases/assets#get-a-release-asset
* assets of an immutable release cannot be changed, its title and text can, and its tag is never free again:
  https://docs.github.com/en/code-security/concepts/supply-chain-security/immutable-releases; the words are those of
  the service as https://github.com/orgs/community/discussions/178351 and others quote them
* lists come in pages: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
* a reference that exists cannot be made; without force it only moves forward: https://docs.github.com/en/rest/git/refs
* ``releases/latest/download/NAME`` leads to the asset of the latest release:
  https://docs.github.com/en/repositories/releasing-projects-on-github/linking-to-releases
* a digest is there for assets since June 2025: https://github.blog/changelog/2025-06-03-releases-now-expose-digests-for-release-assets/
* lists that lag behind are undocumented; releases made a moment ago were missing in them for others:
  https://github.com/softprops/action-gh-release/issues/705
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import itertools
import re
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import fs

REPOSITORY = "owner/app"
TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
TAG = "v1.2.3"
_RENAMED = re.compile(r"[^A-Za-z0-9._-]")


class RefusalError(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, message: str, *errors: dict[str, str], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.document: dict[str, Any] = {"message": message, "documentation_url": "https://docs.github.com/rest"}
        if errors:
            self.document["errors"] = list(errors)


@dataclasses.dataclass
class Asset:
    id: int
    name: str
    state: str
    size: int
    sha256: str
    path: Path | None
    hidden_for: int = 0


@dataclasses.dataclass
class Release:
    id: int
    tag_name: str
    body: str
    name: str
    draft: bool
    prerelease: bool = False
    immutable: bool = False
    latest: str = ""
    target_commitish: str = ""
    assets: list[Asset] = dataclasses.field(default_factory=list)
    hidden_for: int = 0


@dataclasses.dataclass(frozen=True)
class Commit:
    sha: str
    message: str
    tree: str
    parents: tuple[str, ...]
    date: dt.datetime


@dataclasses.dataclass
class Manners:
    """How the service behaves today."""

    immutable: bool = False
    """Releases that become public are immutable."""
    private: bool = False
    digests: bool = True
    page_size: int = 100
    list_lag: int = 0
    """How many lists do not have a new release or asset yet."""
    public_lag: int = 0
    """How often something public is not found yet, by its tag or by its address."""
    renamed: str = _RENAMED.pattern


class World:
    """One repository."""

    def __init__(self, directory: Path, manners: Manners | None = None) -> None:
        self.directory = directory
        self.manners = manners or Manners()
        self.guard = threading.RLock()
        self.releases: list[Release] = []
        self.burnt_tags: set[str] = set()
        self.commits: dict[str, Commit] = {}
        self.refs: dict[str, str] = {}
        self.runs: dict[tuple[str, str], str] = {}
        self.base = self.web = ""
        self._numbers = itertools.count(1)
        self._not_yet: Counter[str] = Counter()
        self.refs[f"refs/tags/{TAG}"] = self.make_commit("the release", "f" * 40)["sha"]

    # references

    def make_commit(self, message: str, tree: str, parents: Sequence[str] = ()) -> dict[str, Any]:
        sha = hashlib.sha1(f"{next(self._numbers)} {message}".encode()).hexdigest()
        self.commits[sha] = Commit(sha, message, tree, tuple(parents), dt.datetime.now(dt.UTC).replace(microsecond=0))
        return self.commit(sha)

    def commit(self, sha: str) -> dict[str, Any]:
        if sha not in self.commits:
            raise RefusalError(404, "Not Found")
        known = self.commits[sha]
        date = known.date.isoformat().replace("+00:00", "Z")
        parents = [{"sha": parent} for parent in known.parents]
        return {
            "sha": sha, "message": known.message, "tree": {"sha": known.tree},
            "parents": parents, "committer": {"date": date},
        }  # fmt: skip

    def ref(self, name: str) -> dict[str, Any]:
        if name not in self.refs:
            raise RefusalError(404, "Not Found")
        return {"ref": name, "object": {"type": "commit", "sha": self.refs[name]}}

    def matching_refs(self, prefix: str) -> list[dict[str, Any]]:
        return [self.ref(name) for name in sorted(self.refs) if name.startswith(prefix)]

    def run(self, number: str, attempt: str) -> dict[str, Any]:
        if (number, attempt) not in self.runs:
            raise RefusalError(403, "Resource not accessible by integration")
        return {"status": self.runs[number, attempt]}

    def create_ref(self, name: str, sha: str) -> dict[str, Any]:
        if not name.startswith("refs/") or name.count("/") < 2 or sha not in self.commits:
            raise RefusalError(422, "Reference name must start with 'refs' and have at least two slashes")
        if name in self.refs:
            raise RefusalError(422, "Reference already exists")
        self.refs[name] = sha
        return self.ref(name)

    def update_ref(self, name: str, sha: str, *, force: bool) -> dict[str, Any]:
        if name not in self.refs:
            raise RefusalError(422, "Reference does not exist")
        if not force and self.refs[name] not in self._ancestors(sha):
            raise RefusalError(422, "Update is not a fast forward")
        self.refs[name] = sha
        return self.ref(name)

    def delete_ref(self, name: str) -> None:
        if self.refs.pop(name, None) is None:
            raise RefusalError(422, "Reference does not exist")

    def _ancestors(self, sha: str) -> set[str]:
        found, todo = set[str](), [sha]
        while todo:
            here = todo.pop()
            found.add(here)
            todo += self.commits[here].parents
        return found

    # releases

    def list_releases(self) -> list[dict[str, Any]]:
        return [self.release_json(release) for release in reversed(self.releases) if not _still_hidden(release)]

    def by_tag(self, tag: str) -> dict[str, Any]:
        for release in self.releases:
            if release.tag_name == tag and not release.draft:
                self.check_visible(f"tag {tag}")
                return self.release_json(release)
        raise RefusalError(404, "Not Found")

    def find(self, number: int) -> Release:
        for release in self.releases:
            if release.id == number:
                return release
        raise RefusalError(404, "Not Found")

    def create_release(self, fields: dict[str, Any]) -> dict[str, Any]:
        tag = str(fields["tag_name"])
        self._check_tag(tag, draft=bool(fields.get("draft")), but=None)
        release = Release(
            id=next(self._numbers) + 1000, tag_name=tag, body=fields.get("body", ""), name=fields.get("name", ""),
            draft=bool(fields.get("draft")), prerelease=bool(fields.get("prerelease")),
            target_commitish=fields.get("target_commitish", ""), hidden_for=self.manners.list_lag,
        )  # fmt: skip
        self.releases.append(release)
        return self.release_json(release)

    def edit_release(self, number: int, fields: dict[str, Any]) -> dict[str, Any]:
        release = self.find(number)
        if release.immutable and fields.get("draft"):
            raise RefusalError(422, "state cannot be changed when release is immutable")
        if release.draft and fields.get("draft") is False:
            self._check_tag(release.tag_name, draft=False, but=release)
            release.immutable = self.manners.immutable
            self._not_yet.clear()
        for name in ("draft", "body", "name", "prerelease"):
            if name in fields:
                setattr(release, name, fields[name])
        release.latest = fields.get("make_latest", release.latest)
        return self.release_json(release)

    def delete_release(self, number: int) -> None:
        release = self.find(number)
        if release.immutable:
            self.burnt_tags.add(release.tag_name)
        self.releases.remove(release)

    def _check_tag(self, tag: str, *, draft: bool, but: Release | None) -> None:
        public = [found for found in self.releases if found.tag_name == tag and not found.draft and found is not but]
        if public and not draft:
            raise RefusalError(
                422, "Validation Failed", {"resource": "Release", "code": "already_exists", "field": "tag_name"}
            )
        if tag in self.burnt_tags:
            error = {"resource": "Release", "code": "custom", "field": "tag_name"}
            raise RefusalError(
                422, "Validation Failed", {**error, "message": "tag_name was used by an immutable release"}
            )

    # assets

    def list_assets(self, number: int) -> list[dict[str, Any]]:
        return [self.asset_json(asset) for asset in self.find(number).assets if not _still_hidden(asset)]

    def find_asset(self, number: int) -> tuple[Release, Asset]:
        for release in self.releases:
            for asset in release.assets:
                if asset.id == number:
                    return release, asset
        raise RefusalError(404, "Not Found")

    def add_asset(self, number: int, name: str, *, state: str, path: Path | None) -> dict[str, Any]:
        release = self.find(number)
        name = re.sub(self.manners.renamed, ".", name)
        if any(asset.name == name for asset in release.assets):
            error = {"resource": "ReleaseAsset", "code": "already_exists", "field": "name"}
            raise RefusalError(422, "Validation Failed", error)
        if release.immutable:
            raise RefusalError(422, "Cannot upload assets to an immutable release.")
        digest = fs.sha256_file(path) if path else ""
        asset = Asset(
            id=next(self._numbers) + 5000, name=name, state=state, size=path.stat().st_size if path else 0,
            sha256=digest, path=path, hidden_for=self.manners.list_lag,
        )  # fmt: skip
        release.assets.append(asset)
        return self.asset_json(asset)

    def delete_asset(self, number: int) -> None:
        release, asset = self.find_asset(number)
        if release.immutable:
            raise RefusalError(422, "Cannot delete asset from an immutable release")
        release.assets.remove(asset)

    def latest_tag(self) -> str:
        tags = [release.tag_name for release in self.releases if not release.draft and release.latest == "true"]
        if not tags or self.manners.private:
            raise RefusalError(404, "Not Found")
        return tags[-1]

    def public_asset(self, tag: str, name: str) -> Asset:
        for release in self.releases:
            if release.tag_name == tag and not release.draft and not self.manners.private:
                for asset in release.assets:
                    if asset.name == name:
                        self.check_visible(f"file {name}")
                        return asset
        raise RefusalError(404, "Not Found")

    def check_visible(self, what: str) -> None:
        self._not_yet[what] += 1
        if self._not_yet[what] <= self.manners.public_lag:
            raise RefusalError(404, "Not Found")

    # as JSON

    def repository_json(self) -> dict[str, Any]:
        return {"full_name": REPOSITORY, "private": self.manners.private}

    def release_json(self, release: Release) -> dict[str, Any]:
        url = f"{self.base}/repos/{REPOSITORY}/releases/{release.id}"
        where = f"untagged-{release.id}" if release.draft else release.tag_name
        return {
            "id": release.id, "url": url, "tag_name": release.tag_name, "name": release.name, "body": release.body,
            "draft": release.draft, "prerelease": release.prerelease, "immutable": release.immutable,
            "upload_url": f"{url}/assets{{?name,label}}", "html_url": f"{self.web}/{REPOSITORY}/releases/tag/{where}",
            "created_at": "2026-01-01T00:00:00Z", "published_at": None if release.draft else "2026-01-01T00:00:00Z",
            "assets": [self.asset_json(asset) for asset in release.assets],
        }  # fmt: skip

    def asset_json(self, asset: Asset) -> dict[str, Any]:
        release, _asset = self.find_asset(asset.id)
        digest = f"sha256:{asset.sha256}" if self.manners.digests and asset.sha256 else None
        return {
            "id": asset.id, "name": asset.name, "state": asset.state, "size": asset.size, "digest": digest,
            "url": f"{self.base}/repos/{REPOSITORY}/releases/assets/{asset.id}",
            "browser_download_url": f"{self.web}/{REPOSITORY}/releases/download/{release.tag_name}/{asset.name}",
        }  # fmt: skip


def _still_hidden(thing: Release | Asset) -> bool:
    thing.hidden_for -= 1
    return thing.hidden_for >= 0
