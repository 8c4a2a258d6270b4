"""Publishes images in two phases: everything is in the registries and has been proved before the first tag moves."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError, UsageError
from pipeline.images.journal import JOURNAL_SUFFIX
from pipeline.images.local import LocalImage, open_image
from pipeline.model.images.reference import Repository
from pipeline.model.spec.images import Variant
from pipeline.orchestrate.images.contexts import ImageRequest, finished
from pipeline.orchestrate.images.tagging import Arrived, Publication, PushResult, alone, check_platforms
from pipeline.stages.images import push_image


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushOrder:
    """Which images go to which repositories. Paths are absolute."""

    request: ImageRequest
    layouts: tuple[tuple[Variant, Path], ...]
    repositories: tuple[Repository, ...]

    @property
    def journal_path(self) -> Path:
        """Return where the journal lies: beside the first layout."""
        return self.layouts[0][1].with_name(f"{self.request.runtime_name}{JOURNAL_SUFFIX}")


def push_images(order: PushOrder, context: Context) -> PushResult:
    """Push, prove, and move the tags last. A run that died is finished by the same call.

    Raises ImageError, RegistryError, VerificationError, NetworkError, ExecutorUnavailableError; no tag is moved then,
    unless the tags themselves could not be moved.
    """
    require_network(context)
    builds = finished(order.request, context)
    known = tuple(design.variant for design in order.request.designs)
    with alone(order.journal_path, context) as parent, tempfile.TemporaryDirectory(prefix="push-", dir=parent) as name:
        images = {}
        for variant, place in order.layouts:
            if variant not in known:
                raise _no_variant(variant, known)
            images[variant] = open_image(place, fs.make_directory(Path(name) / variant))
            check_platforms(str(place), images[variant].platforms, builds)
        publication = Publication(
            request=order.request, repositories=order.repositories, builds=builds, journal_path=order.journal_path,
            context=context,
        )  # fmt: skip
        before = publication.look({variant: image.platforms for variant, image in images.items()})
        arrived = [_push(order, variant, images[variant], there, context) for variant in images for there in before]
        return publication.finish(arrived, before)


def _push(order: PushOrder, variant: Variant, image: LocalImage, repository: Repository, context: Context) -> Arrived:
    same_host = [other for other in order.repositories if other.host == repository.host]
    first = same_host[0] if same_host[0] != repository else None
    with context.reporter.step(f"push {variant} to {repository}") as step:
        inputs = push_image.PushInputs(image=image, repository=repository, mounted_from=first.path if first else None)
        pushed = push_image.run(inputs, context)
        step.detail(f"{pushed.blobs} blobs, {pushed.size_bytes:,} bytes, {pushed.requests} requests")
    return Arrived(
        repository=repository, variant=variant, image=image.top, platforms=image.platforms, pushed=pushed
    )  # fmt: skip


def require_network(context: Context) -> None:
    """Raise NetworkError when there may be none."""
    if context.offline:
        raise NetworkError(
            "registries cannot be reached with --offline",
            cause="--offline was given",
            action="leave it out, or write a layout with --layout",
        )


def _no_variant(variant: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"these images have no variant {variant!r}",
        cause=f"releases.toml gives them these: {', '.join(known)}",
        action="give --push VARIANT=LAYOUT with one of them",
    )
