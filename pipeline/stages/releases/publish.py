"""Bring the files of a release up and make it public, whole: until then, nothing of it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from pipeline.context import Context
from pipeline.errors import PublishError
from pipeline.github.api import Api
from pipeline.github.releases import Release, Releases
from pipeline.model.events import Where
from pipeline.model.releases.release import AssetFile, Reconciled, RemoteAsset, counted, reconcile
from pipeline.publication.drafts import Draft, Drafts
from pipeline.publication.transfer import Transfer

REPAIRS = 2
"""How often assets that came back with other bytes are sent again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishInputs:
    """What is published. The caller holds the lock of the tag."""

    api: Api
    draft: Draft
    files: tuple[AssetFile, ...]
    check: Callable[[], None] = lambda: None
    """Raises when the lock's time is over; asked before each upload."""
    confirm: Callable[[], None] = lambda: None
    """Raises when the tag moved; asked just before the release becomes public."""
    latest: bool = True
    private: bool = False
    """Whether anonymous readers get nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A release that is public and whole."""

    tag: str
    url: str
    immutable: bool
    assets: tuple[RemoteAsset, ...]
    uploaded: tuple[str, ...]
    """What this run sent; the rest was there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """What there is, and what would be done about it."""

    release: Release | None
    reconciled: Reconciled


def survey(inputs: PublishInputs, context: Context) -> Survey:
    """Look, and change nothing. Raises PublishError for what publishing would refuse."""
    release = Drafts(inputs.api, context.reporter).find(inputs.draft.tag)
    assets = Releases(inputs.api).assets(release.id) if release else ()
    reconciled = reconcile(inputs.files, assets)
    if release and not release.draft and not reconciled.is_whole:
        raise _public_and_other(release, reconciled)
    return Survey(release=release, reconciled=reconciled)


def run(inputs: PublishInputs, context: Context) -> Published:
    """Publish, or finish what an earlier run began; a release that is public already is only verified.

    Raises PublishError, RefusedError and UncertainError with nothing public, IntegrityError when what became public is
    not what was sent.
    """
    drafts, network = Drafts(inputs.api, context.reporter), Where.NETWORK
    with context.reporter.step("find the release", where=network) as step:
        found = survey(inputs, context)
        release = found.release or drafts.make(inputs.draft)
        step.detail("a new draft" if found.release is None else "a draft" if release.draft else "public already")
    if not release.draft:
        return _finished(inputs, context, ())
    drafts.remove_doubles(inputs.draft.tag, keep=release.id)
    uploaded = _bring_up(inputs, context, release)
    with context.reporter.step("make it public", where=network):
        inputs.check()
        inputs.confirm()
        drafts.publish(release, latest=inputs.latest)
    return _finished(inputs, context, uploaded)


def _bring_up(inputs: PublishInputs, context: Context, release: Release) -> tuple[str, ...]:
    """Upload until what the server hands out is what the plan says. Raises PublishError."""
    transfer = Transfer(inputs.api, context.reporter)
    uploaded: list[str] = []
    bad: tuple[RemoteAsset, ...] = ()
    for _round in range(REPAIRS + 1):
        with context.reporter.step("upload", where=Where.NETWORK) as step:
            sent = _upload(inputs, context, release, bad)
            step.detail(f"{len(sent)} of {len(inputs.files)} files")
        uploaded += sent
        assets = _whole(inputs, release)
        with context.reporter.step("read everything back", where=Where.NETWORK) as step:
            bad = transfer.differing(assets, inputs.files, public=False)
            step.detail(f"{len(bad)} of {len(assets)} differ" if bad else f"{len(assets)} files are equal")
        if not bad:
            return tuple(uploaded)
    raise PublishError(
        f"GitHub hands out other bytes than it was sent: {', '.join(asset.name for asset in bad)}",
        cause="GitHub, or a proxy on the way, damages what it stores or sends",
        action="try from another network; the draft stays, and nothing is public",
    )


def _upload(inputs: PublishInputs, context: Context, release: Release, bad: tuple[RemoteAsset, ...]) -> tuple[str, ...]:
    releases, transfer = Releases(inputs.api), Transfer(inputs.api, context.reporter)
    distrusted = frozenset(asset.asset_id for asset in bad)
    todo = reconcile(inputs.files, releases.assets(release.id), distrusted=distrusted)
    for line in todo.differences() if todo.delete else ():
        context.reporter.note(f"{inputs.draft.tag}: {line}")
    for asset in todo.delete:
        releases.delete_asset(asset)
    for file in todo.upload:
        inputs.check()
        transfer.upload(release, file)
    return tuple(file.name for file in todo.upload)


def _whole(inputs: PublishInputs, release: Release) -> tuple[RemoteAsset, ...]:
    """Return the assets. Raises PublishError unless they are those of the plan: lists may lag, so it looks again."""
    releases, attempts = Releases(inputs.api), inputs.api.patience.attempts
    state = reconcile(inputs.files, releases.assets(release.id))
    for attempt in range(attempts):
        if state.is_whole:
            return state.keep
        inputs.api.wait(attempt)
        state = reconcile(inputs.files, releases.assets(release.id))
    raise PublishError(
        f"the release {inputs.draft.tag} is not whole ({counted(len(state.differences()), 'difference')})",
        cause="somebody else changes the same release, or GitHub is in trouble (https://www.githubstatus.com)",
        action="run the same command again; the draft stays, and nothing of it is public"
        if release.draft
        else f"withdraw it: `python -m pipeline release withdraw --tag {inputs.draft.tag}`",
        details="\n".join(state.differences()),
    )


def _finished(inputs: PublishInputs, context: Context, uploaded: tuple[str, ...]) -> Published:
    """Verify what is public, and leave no second draft."""
    transfer, tag = Transfer(inputs.api, context.reporter), inputs.draft.tag
    with context.reporter.step("verify what is public", where=Where.NETWORK) as step:
        public = _by_tag(inputs)
        assets = _whole(inputs, public)
        bad = transfer.differing(assets, inputs.files, public=not inputs.private)
        step.detail(f"{len(assets)} files are equal")
    if bad:
        raise PublishError(
            f"{tag} is public, and hands out other bytes than were sent: {', '.join(asset.name for asset in bad)}",
            cause="GitHub, its distribution network, or a proxy on the way damages what it sends",
            action=f"run the same command again; if it stays, `python -m pipeline release withdraw --tag {tag}`",
        )
    Drafts(inputs.api, context.reporter).remove_doubles(tag, keep=public.id)
    return Published(tag=tag, url=public.html_url, immutable=public.immutable, assets=assets, uploaded=uploaded)


def _by_tag(inputs: PublishInputs) -> Release:
    """Return the release as anybody finds it. Raises PublishError when it does not appear."""
    for attempt in range(inputs.api.patience.attempts):
        found = Releases(inputs.api).published(inputs.draft.tag)
        if found:
            return found
        inputs.api.wait(attempt)
    raise PublishError(
        f"{inputs.draft.tag} was made public, and is not found by its tag",
        cause="GitHub is in trouble (https://www.githubstatus.com), or somebody withdrew it at once",
        action="run the same command again: it looks what is there",
    )


def _public_and_other(release: Release, reconciled: Reconciled) -> PublishError:
    return PublishError(
        f"{release.tag_name} is public already, with other assets: {release.html_url}",
        cause="it was published from other files; what is public is never rewritten",
        action=f"publish the new files under a revision: `python -m pipeline release republish --tag "
        f"{release.tag_name}`",
        details="\n".join(reconciled.differences()),
    )
