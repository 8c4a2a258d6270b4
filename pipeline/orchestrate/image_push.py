"""Publishes images in two phases: everything is in the registries and has been proved before the first tag moves."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError, NetworkError, UsageError, VerificationError
from pipeline.executors.choose import Means
from pipeline.images.design import Design, platforms
from pipeline.images.journal import JOURNAL_SUFFIX, Journal
from pipeline.images.local import LocalImage, open_image
from pipeline.images.tags import design_tags, version_tags
from pipeline.model.findings import Finding, failed
from pipeline.model.image_reference import ImageReference, Repository
from pipeline.model.image_spec import Variant
from pipeline.model.target import find_target
from pipeline.oci_registry.client import Manifest, Registry
from pipeline.orchestrate.imaging import ImageRequest, finished
from pipeline.orchestrate.job import means_of, toolbox_inputs
from pipeline.orchestrate.published_tags import TagsBefore, look
from pipeline.releasing.builds import FinishedBuild
from pipeline.stages import prove_image, push_image, tag_images, toolbox
from pipeline.stages.push_image import Pushed
from pipeline.stages.tag_images import WantedTag


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushedImage:
    """One image in one repository."""

    repository: Repository
    variant: Variant
    image: Manifest
    platforms: dict[str, str]
    """Digest of each platform's manifest."""
    pushed: Pushed
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushResult:
    """What is in the registries now."""

    images: tuple[PushedImage, ...]
    journal: Journal
    journal_path: Path


def push_images(order: PushOrder, context: Context) -> PushResult:
    """Push, prove, and move the tags last. A run that died is finished by the same call.

    Raises ImageError, RegistryError, VerificationError, NetworkError, ExecutorUnavailableError; no tag is moved then,
    unless the tags themselves could not be moved.
    """
    if context.offline:
        raise _offline()
    builds = finished(order.request, context)
    designs = {design.variant: design for design in order.request.designs}
    parent = fs.make_directory(context.cache_dir / "images")
    journal_lock = parent / f"push-{fs.sha256_json(str(order.journal_path))[:16]}.lock"
    with fs.locked(journal_lock), tempfile.TemporaryDirectory(prefix="push-", dir=parent) as scratch:
        images = {}
        for variant, place in order.layouts:
            if variant not in designs:
                raise _no_variant(variant, tuple(designs))
            images[variant] = open_image(place, fs.make_directory(Path(scratch) / variant))
            _check_platforms(place, images[variant], builds)
        pushing = _Pushing(order, builds, designs, context)
        return pushing.run(images)


class _Pushing:
    """One push."""

    def __init__(
        self, order: PushOrder, builds: tuple[FinishedBuild, ...], designs: dict[Variant, Design], context: Context
    ) -> None:
        self._order, self._builds, self._designs, self._context = order, builds, designs, context
        self._version = builds[0].subject.version
        self._proved: dict[str, tuple[Finding, ...]] = {}

    def run(self, images: dict[Variant, LocalImage]) -> PushResult:
        before = {repository: self._look(repository, images) for repository in self._order.repositories}
        pushed = [self._push(variant, image, place) for variant, image in images.items() for place in before.items()]
        proved = [dataclasses.replace(item, findings=self._prove(item)) for item in pushed]
        journal = tag_images.run(
            tag_images.TagInputs(
                version=self._version,
                wanted=tuple(tag for item in proved for tag in self._wanted(item, before[item.repository])),
                before={
                    (str(repository), tag): digest
                    for repository, seen in before.items()
                    for tag, digest in seen.digests.items()
                },
                journal_path=self._order.journal_path,
            ),
            self._context,
        )
        return PushResult(images=tuple(proved), journal=journal, journal_path=self._order.journal_path)

    def _tags(self, variant: Variant, published: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the tags of the version itself, and those that move."""
        tags = version_tags(self._version, (*self._order.request.published, *published))
        design = self._designs[variant]
        own = design_tags(design, tags[:1])
        return own, tuple(tag for tag in design_tags(design, tags) if tag not in own)

    def _look(self, repository: Repository, images: dict[Variant, LocalImage]) -> TagsBefore:
        """See where the tags are, and that no version would get other images than it has."""
        with self._context.reporter.step(f"look at {repository}"), Registry(repository, self._context.environ) as there:
            names = {variant: self._tags(variant, there.tags(repository.path)) for variant in images}
            return look(there, repository, names, images)

    def _push(self, variant: Variant, image: LocalImage, place: tuple[Repository, TagsBefore]) -> PushedImage:
        repository, seen = place
        same_host = [other for other in self._order.repositories if other.host == repository.host]
        first = same_host[0] if same_host[0] != repository else None
        with self._context.reporter.step(f"push {variant} to {repository}") as step:
            inputs = push_image.PushInputs(
                image=image, repository=repository, mounted_from=first.path if first else None
            )
            pushed = push_image.run(inputs, self._context)
            step.detail(f"{pushed.blobs} blobs, {pushed.size_bytes:,} bytes, {pushed.requests} requests")
        return PushedImage(
            repository=repository, variant=variant, image=seen.kept.get(variant, image.top),
            platforms=dict(image.platforms), pushed=pushed, findings=(),
        )  # fmt: skip

    def _prove(self, item: PushedImage) -> tuple[Finding, ...]:
        """Return every finding about an image in a registry; raises VerificationError when one fails."""
        digest = item.image.digest
        reference = ImageReference(repository=item.repository, tag=None, digest=digest)
        request = self._order.request
        with self._context.reporter.step(f"prove {item.variant} in {item.repository}") as step:
            # An equal digest is an equal image: what its programs do is seen once.
            tried = digest in self._proved
            means = {} if tried or not request.request.runtime.canaries else self._means()
            findings = prove_image.run(
                prove_image.ProveInputs(
                    reference=reference, design=self._designs[item.variant], runtime=request.request.runtime,
                    builds=self._builds, means=means, executor=request.request.executor,
                ),
                self._context,
            )  # fmt: skip
            step.detail(f"{len(findings)} findings")
        if wrong := failed(findings):
            raise _failed(reference, wrong)
        self._proved[digest] = findings
        return findings

    def _means(self) -> dict[str, Means]:
        """Return what there is to run each target's programs with."""
        request, context = self._order.request.request, self._context
        toolchains = (toolbox.run(toolbox_inputs(request, item), context) for item in request.targets)
        return {each.target.name: means_of(each, context.environ, request.host) for each in toolchains}

    def _wanted(self, item: PushedImage, seen: TagsBefore) -> tuple[WantedTag, ...]:
        own, moving = seen.names[item.variant]
        return tuple(
            WantedTag(repository=item.repository, tag=tag, image=item.image, immutable=tag in own)
            for tag in (*own, *moving)
        )


def _check_platforms(place: Path, image: LocalImage, builds: tuple[FinishedBuild, ...]) -> None:
    wanted = set(platforms(find_target(build.subject.target) for build in builds))
    if wanted != set(image.platforms):
        raise ImageError(
            f"{place} is not an image of these builds: it has {', '.join(sorted(image.platforms)) or 'no platform'}",
            cause=f"the builds are for {', '.join(sorted(wanted))}",
            action="write the image again for all of them, or name those that it has with --target",
        )


def _failed(reference: ImageReference, wrong: tuple[Finding, ...]) -> VerificationError:
    return VerificationError(
        f"{len(wrong)} checks of {reference} failed",
        cause="the image is not of these builds, or was damaged on its way",
        action="write the image again from the builds and push that; no tag was moved",
        details="\n".join(f"{finding.id}: {finding.where}: {finding.message}" for finding in wrong),
    )


def _no_variant(variant: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"these images have no variant {variant!r}",
        cause=f"releases.toml gives them these: {', '.join(known)}",
        action="give --push VARIANT=LAYOUT with one of them",
    )


def _offline() -> NetworkError:
    return NetworkError(
        "registries cannot be reached with --offline",
        cause="--offline was given",
        action="leave it out, or write a layout with --layout",
    )
