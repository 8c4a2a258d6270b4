"""From a directory of files and a plan to a public release: lock, publish, unlock."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import PublishError, UnsupportedError
from pipeline.github.access import Access, needed
from pipeline.github.api import Api
from pipeline.github.lock import Locks
from pipeline.github.patience import Patience
from pipeline.github.refs import Refs
from pipeline.github.releases import Releases
from pipeline.model.images.released import ReleasedImage
from pipeline.model.releases.release import AssetFile, ReleasePlan, check_tag
from pipeline.publication.drafts import Draft
from pipeline.stages.releases import gather, prove_released_images, publish


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """What is to be published, and where."""

    access: Access
    tag: str
    directory: Path
    plan: ReleasePlan
    assembled_tag: str | None = None
    """What the manifest says that the files are the release of; None: there is no manifest."""
    images: tuple[ReleasedImage, ...] = ()
    """That the manifest lists; they must be in their registries."""
    title: str | None = None
    """None: the tag."""
    notes: str | None = None
    prerelease: bool = False
    latest: bool = True
    patience: Patience = dataclasses.field(default_factory=Patience)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishOutcome:
    """A release that is public and whole, and what it took."""

    published: publish.Published
    images: tuple[ReleasedImage, ...]
    """That were found in their registries."""
    requests: Mapping[str, int]
    """How many requests were made, by method."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preview:
    """What publishing would do."""

    files: tuple[AssetFile, ...]
    survey: publish.Survey | None
    """None: there is no token to look with."""
    locked_by: str | None = None


def publish_release(request: PublishRequest, context: Context) -> PublishOutcome:
    """Publish the files of the request, or finish what an earlier run began.

    Raises PublishError and what it is the base of, IntegrityError, NetworkError.
    """
    tag = check_assembled_tag(request, check_tag(request.tag))
    files = gather.run(gather.GatherInputs(directory=request.directory, plan=request.plan), context)
    with open_api(request.access, context, request.patience) as api:
        _prove_images(request, context)
        private = Releases(api).are_private()
        commit_sha = Refs(api).commit_of_tag(tag)
        with Locks(api, context.reporter, context.environ).held(tag, commit_sha) as held:
            inputs = _inputs(request, api, files, commit_sha)
            inputs = dataclasses.replace(
                inputs, private=private, check=held.check, confirm=lambda: _confirm(request, api, commit_sha, context)
            )
            published = publish.run(inputs, context)
        return PublishOutcome(published=published, images=request.images, requests=dict(api.requests))


def preview(request: PublishRequest, context: Context) -> Preview:
    """Say what would be done, and do nothing; raises like ``publish_release``."""
    tag = check_assembled_tag(request, check_tag(request.tag))
    files = gather.run(gather.GatherInputs(directory=request.directory, plan=request.plan), context)
    if not context.offline:
        _prove_images(request, context)
    if request.access.token is None or context.offline:
        return Preview(files=files, survey=None)
    with open_api(request.access, context, request.patience) as api:
        commit_sha = Refs(api).commit_of_tag(tag)
        lock = Locks(api, context.reporter, context.environ).find(tag)
        found = publish.survey(_inputs(request, api, files, commit_sha), context)
        return Preview(files=files, survey=found, locked_by=lock.shown if lock and not lock.gone else None)


@contextlib.contextmanager
def open_api(access: Access, context: Context, patience: Patience) -> Iterator[Api]:
    """Yield the interface. Raises PublishError without a token, UnsupportedError with ``--offline``."""
    if context.offline:
        raise UnsupportedError(
            "releases cannot be reached with --offline",
            cause="they are on a server",
            action="leave out --offline",
        )
    api = Api(access=needed(access), environ=context.environ, reporter=context.reporter, patience=patience)
    with api:
        yield api


def _inputs(request: PublishRequest, api: Api, files: tuple[AssetFile, ...], commit_sha: str) -> publish.PublishInputs:
    draft = Draft(
        tag=request.tag,
        commit_sha=commit_sha,
        title=request.title or request.tag,
        notes=request.notes,
        prerelease=request.prerelease,
    )
    return publish.PublishInputs(api=api, draft=draft, files=files, latest=request.latest)


def check_assembled_tag(request: PublishRequest, tag: str) -> str:
    """Return *tag*; raises PublishError when the files are those of another release."""
    if request.assembled_tag not in {None, tag}:
        raise PublishError(
            f"{request.directory} is the release {request.assembled_tag}, not {tag}",
            cause="its manifest, its notes and what updaters read have that tag in them",
            action=f"assemble it anew: `python -m pipeline release assemble --tag {tag}`",
        )
    return tag


def _prove_images(request: PublishRequest, context: Context) -> None:
    prove_released_images.run(prove_released_images.ProveInputs(images=request.images), context)


def _confirm(request: PublishRequest, api: Api, commit_sha: str, context: Context) -> None:
    """See that nothing moved while the files were sent: neither the tag nor an image."""
    _check_tag(api, request.tag, commit_sha)
    _prove_images(request, context)


def _check_tag(api: Api, tag: str, commit_sha: str) -> None:
    now_sha = Refs(api).commit_of_tag(tag)
    if now_sha != commit_sha:
        raise PublishError(
            f"the tag {tag} moved from {commit_sha} to {now_sha} meanwhile",
            cause="somebody pushed it again",
            action="build what the tag names now, and publish that; nothing is public",
        )
