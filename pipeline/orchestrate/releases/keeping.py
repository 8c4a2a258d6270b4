"""What is done with releases afterwards: listed, withdrawn, published again under a revision, cleaned up."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import PublishError
from pipeline.github.access import Access
from pipeline.github.api import Api, UncertainError
from pipeline.github.lock import Locks
from pipeline.github.patience import Patience
from pipeline.github.refs import Refs
from pipeline.github.releases import Release, Releases
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.release import AssetFile, check_tag, next_revision, reconcile
from pipeline.orchestrate.releases.publishing import (
    PublishOutcome,
    PublishRequest,
    check_assembled_tag,
    open_api,
    publish_release,
)
from pipeline.publication.marker import find_marker
from pipeline.publication.withdrawal import Listed, listed, prune, withdraw
from pipeline.stages.releases import fetch_release, gather

FIRST_REVISION = 2
MAX_REVISIONS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchOrder:
    """Which releases are fetched, and what of them."""

    tags: tuple[str, ...]
    out_dir: Path
    kinds: frozenset[AssetKind] = frozenset()
    """Empty: everything."""


def list_releases(access: Access, context: Context, patience: Patience | None = None) -> tuple[Listed, ...]:
    """Return the releases of ours, as the server lists them. Raises PublishError, NetworkError."""
    with open_api(access, context, patience or Patience()) as api:
        return listed(api)


def withdraw_release(
    access: Access, tag: str, reason: str, context: Context, patience: Patience | None = None
) -> Listed:
    """Withdraw the release of *tag*, alone with it. Raises PublishError, NetworkError."""
    with open_api(access, context, patience or Patience()) as api:
        commit_sha = Refs(api).commit_of_tag(check_tag(tag))
        with Locks(api, context.reporter, context.environ).held(tag, commit_sha):
            return withdraw(api, tag, reason)


def fetch_releases(
    access: Access, order: FetchOrder, context: Context, patience: Patience | None = None
) -> tuple[fetch_release.FetchedRelease, ...]:
    """Fetch published releases. Raises PublishError, IntegrityError, NetworkError, ReleaseError."""
    with open_api(access, context, patience or Patience()) as api:
        return tuple(
            fetch_release.run(
                fetch_release.FetchInputs(api=api, tag=check_tag(tag), out_dir=order.out_dir, kinds=order.kinds),
                context,
            )
            for tag in order.tags
        )


def prune_drafts(access: Access, context: Context, patience: Patience | None = None) -> tuple[str, ...]:
    """Delete drafts of ours whose tag is not locked, and return the tags. Raises PublishError, NetworkError."""
    with open_api(access, context, patience or Patience()) as api:
        locks = Locks(api, context.reporter, context.environ)
        return prune(api, frozenset(locks.tags()))


def unlock(access: Access, tag: str, context: Context, patience: Patience | None = None) -> str | None:
    """Remove the lock of *tag* and return who held it, None when nobody did. Raises PublishError, NetworkError."""
    with open_api(access, context, patience or Patience()) as api:
        locks = Locks(api, context.reporter, context.environ)
        found = locks.find(check_tag(tag))
        if found:
            locks.remove(tag)
        return found.shown if found else None


def republish(request: PublishRequest, context: Context) -> PublishOutcome:
    """Publish the files under the next revision of the request's tag; that tag is made, at the same commit.

    A run that died is finished by running it again: a revision that is no release yet, or has these very files, is
    taken again. Raises what ``publish_release`` raises.
    """
    check_tag(request.tag)
    files = gather.run(gather.GatherInputs(directory=request.directory, plan=request.plan), context)
    with open_api(request.access, context, request.patience) as api:
        commit_sha = Refs(api).commit_of_tag(request.tag)
        known = {release.tag_name: release for release in Releases(api).all() if not _is_open(release)}
        for number in range(FIRST_REVISION, MAX_REVISIONS):
            tag = next_revision(request.tag, number)
            release = known.get(tag)
            if release is None or _has(api, release, files):
                break
        else:
            raise PublishError(
                f"{request.tag} has {MAX_REVISIONS} revisions",
                cause="a script that publishes for ever",
                action="publish a new version",
            )
        check_assembled_tag(request, tag)
        _make_tag(api, tag, commit_sha)
    return publish_release(dataclasses.replace(request, tag=tag, title=request.title or tag), context)


def _is_open(release: Release) -> bool:
    """Return whether publishing may go on with it: a draft of ours that was not withdrawn."""
    marker = find_marker(release.body)
    return release.draft and marker is not None and not marker.withdrawn


def _has(api: Api, release: Release, files: tuple[AssetFile, ...]) -> bool:
    marker = find_marker(release.body)
    withdrawn = marker is not None and marker.withdrawn
    return not release.draft and not withdrawn and reconcile(files, Releases(api).assets(release.id)).is_whole


def _make_tag(api: Api, tag: str, commit_sha: str) -> None:
    refs, ref = Refs(api), f"refs/tags/{tag}"
    made = False
    with contextlib.suppress(UncertainError):
        made = refs.create(ref, commit_sha)
    if not made and refs.get(ref) is None:
        made = refs.create(ref, commit_sha)
    if not made and refs.commit_of_tag(tag) != commit_sha:
        raise PublishError(
            f"the tag {tag} names another commit",
            cause="it was made by hand",
            action="delete it, or publish with `publish --tag` from what it names",
        )
