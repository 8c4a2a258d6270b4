"""Bakes the images of all variants and publishes them, by the shortest way that the builder of buildx knows.

One with a daemon of its own pushes straight to the registries, by digest and without a tag. Any other writes layouts,
which are pushed from here. What follows is the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import RegistryError
from pipeline.images.buildx import Buildx, find_buildx
from pipeline.images.journal import JOURNAL_SUFFIX, read_journal, write_journal
from pipeline.images.published import platforms_of
from pipeline.model.images.reference import Repository
from pipeline.model.spec.images import Variant
from pipeline.oci_registry.client import Registry
from pipeline.orchestrate.images.baking import BakeOrder, BakeWay, bake_all, bake_with
from pipeline.orchestrate.images.contexts import check_bases, finished
from pipeline.orchestrate.images.push import PushOrder, push_images, require_network
from pipeline.orchestrate.images.tagging import Arrived, Publication, PushResult, alone, check_platforms


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishOrder:
    """Images of all variants, and where they go."""

    bake: BakeOrder
    """Its directory gets the journal, and the layouts if there are any."""
    repositories: tuple[Repository, ...]
    by_layout: bool = False
    """Write layouts even where the builder could push by digest."""

    @property
    def journal_path(self) -> Path:
        """Return where the journal lies."""
        return self.bake.out_dir / f"{self.bake.request.runtime_name}{JOURNAL_SUFFIX}"


def publish_images(order: PublishOrder, context: Context) -> PushResult:
    """Bake, push, prove, and move the tags last.

    Raises what bake_all and push_images raise; no tag is moved then, unless the tags themselves could not be moved.
    """
    require_network(context)
    buildx = find_buildx(context.environ, order.bake.builder)
    if buildx.pushes_by_digest and not order.by_layout:
        return _by_builder(order, buildx, context)
    with _kept_journal(order.journal_path):
        baked = bake_all(order.bake, context)
    layouts = tuple((image.variant, image.archive) for image in baked)
    push = PushOrder(request=order.bake.request, layouts=layouts, repositories=order.repositories)
    return push_images(push, context)


@contextlib.contextmanager
def _kept_journal(path: Path) -> Iterator[None]:
    """Keep the journal of a run that died while its directory is made anew: it tells where the tags were before."""
    earlier = read_journal(path)
    yield
    if earlier and not earlier.is_done:
        write_journal(path, earlier)


def _by_builder(order: PublishOrder, buildx: Buildx, context: Context) -> PushResult:
    check_bases(order.bake.request)
    builds = finished(order.bake.request, context)
    publication = Publication(
        request=order.bake.request, repositories=order.repositories, builds=builds, journal_path=order.journal_path,
        context=context,
    )  # fmt: skip
    with alone(order.journal_path, context):
        way = BakeWay(pushed_to=tuple(map(str, order.repositories)))
        digests = bake_with(order.bake, buildx, builds, way, context)
        arrived = [
            _arrived(variant, repository, digest, context)
            for variant, digest in digests.items()
            for repository in order.repositories
        ]
        for item in arrived:
            check_platforms(f"{item.repository}@{item.image.digest}", item.platforms, builds)
        with _kept_journal(order.journal_path), fs.atomic_directory(order.bake.out_dir):
            pass  # nothing lies there of an earlier version
        before = publication.look({item.variant: item.platforms for item in arrived})
        return publication.finish(arrived, before)


def _arrived(variant: Variant, repository: Repository, digest: str, context: Context) -> Arrived:
    """Return what the builder says that it pushed, as the registry has it."""
    with Registry(repository, context.environ) as registry:
        found = registry.manifest(repository.path, digest)
        if found is None:
            raise RegistryError(
                f"{repository} has no {digest}, which the builder pushed",
                cause="the builder means another registry by that name, or somebody removed the image",
                action="see that builder and this machine reach the same one, or publish with --by-layout",
            )
        return Arrived(
            repository=repository, variant=variant, image=found, platforms=platforms_of(found, registry), pushed=None
        )  # fmt: skip
