"""Releases as they are kept: which there are, and how one that is wrong is withdrawn."""

from __future__ import annotations

import dataclasses

from pipeline.errors import PublishError
from pipeline.github.api import Api
from pipeline.github.releases import Release, Releases
from pipeline.publication.marker import Marker, find_marker, marked, without_marker

NOTICE = "> **Withdrawn: do not use the files of this release.**"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A release of ours in a list."""

    tag: str
    state: str
    """``public``, ``immutable``, ``draft`` or ``withdrawn``."""
    assets: int
    size_bytes: int
    url: str
    release_id: int


def listed(api: Api) -> tuple[Listed, ...]:
    """Return the releases that carry our marker, newest first as the server has them."""
    releases = Releases(api)
    return tuple(_listed(found) for found in releases.all() if find_marker(found.body))


def withdraw(api: Api, tag: str, reason: str) -> Listed:
    """Withdraw the public release of *tag*: back to a draft, or, where it is immutable, with a notice and not latest.

    One that is withdrawn already stays so. Raises PublishError when there is none of ours.
    """
    releases = Releases(api)
    release = releases.published(tag) or _withdrawn_draft(releases, tag)
    marker = find_marker(release.body) if release else None
    if release is None or marker is None:
        raise PublishError(
            f"there is no public release {tag} that was made here",
            cause="a misspelt tag, a release that is a draft still, or one that was made by hand",
            action="see `python -m pipeline release list`",
        )
    if not marker.withdrawn:
        release = releases.edit(release.id, _withdrawn_fields(release, marker, reason))
    return _listed(release)


def prune(api: Api, locked: frozenset[str]) -> tuple[str, ...]:
    """Delete our drafts that nobody is at work on; withdrawn ones stay. Return their tags."""
    releases, removed = Releases(api), []
    for release in releases.all():
        marker = find_marker(release.body)
        if release.draft and marker and not marker.withdrawn and release.tag_name not in locked:
            releases.delete(release.id)
            removed.append(release.tag_name)
    return tuple(removed)


def _withdrawn_fields(release: Release, marker: Marker, reason: str) -> dict[str, object]:
    text = "\n\n".join(part for part in (NOTICE, reason, without_marker(release.body or "")) if part)
    fields: dict[str, object] = {
        "name": f"{release.name or release.tag_name} (withdrawn)",
        "body": marked(text, marker.model_copy(update={"withdrawn": True})),
        "make_latest": "false",
    }
    # Of an immutable release only title and text can be changed.
    return fields if release.immutable else {**fields, "draft": True}


def _withdrawn_draft(releases: Releases, tag: str) -> Release | None:
    for release in releases.all():
        marker = find_marker(release.body)
        if release.tag_name == tag and marker and marker.withdrawn:
            return release
    return None


def _listed(release: Release) -> Listed:
    marker = find_marker(release.body)
    state = "withdrawn" if marker and marker.withdrawn else "draft" if release.draft else "public"
    return Listed(
        tag=release.tag_name,
        state="immutable" if release.immutable and state == "public" else state,
        assets=len(release.assets),
        size_bytes=release.size_bytes,
        url=release.html_url,
        release_id=release.id,
    )
