"""The second half of publishing images: what is in registries without a tag is proved, and only then tagged.

How it came there is not known here.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError, VerificationError
from pipeline.executors.choose import Means
from pipeline.images.design import platforms
from pipeline.images.journal import Journal
from pipeline.images.tags import design_tags, version_tags
from pipeline.model.findings import Finding, failed
from pipeline.model.images.reference import ImageReference, Repository
from pipeline.model.spec.images import Variant
from pipeline.model.target import find_target
from pipeline.oci_registry.client import Manifest, Registry
from pipeline.orchestrate.images.contexts import ImageRequest
from pipeline.orchestrate.images.published_tags import TagNames, TagsBefore, look
from pipeline.orchestrate.job import means_of, toolbox_inputs
from pipeline.releasing.builds import FinishedBuild
from pipeline.stages.building import toolbox
from pipeline.stages.images import prove_image, tag_images
from pipeline.stages.images.push_image import Pushed
from pipeline.stages.images.tag_images import WantedTag

Platforms = Mapping[str, str]
"""Digest of each platform's manifest."""
Before = Mapping[Repository, TagsBefore]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrived:
    """One image that is in one repository, by its digest."""

    repository: Repository
    variant: Variant
    image: Manifest
    platforms: Platforms
    pushed: Pushed | None
    """What our own push took; None: the builder pushed."""
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushResult:
    """What is in the registries now."""

    images: tuple[Arrived, ...]
    journal: Journal
    journal_path: Path


@contextlib.contextmanager
def alone(journal_path: Path, context: Context) -> Iterator[Path]:
    """Hold the lock of a journal; yield a directory for what comes and goes with images."""
    parent = fs.make_directory(context.cache_dir / "images")
    with fs.locked(parent / f"push-{fs.sha256_json(str(journal_path))[:16]}.lock"):
        yield parent


def check_platforms(shown: str, has: Platforms, builds: tuple[FinishedBuild, ...]) -> None:
    """See that an image has the platforms of the builds, no more and no less; raises ImageError."""
    wanted = set(platforms(find_target(build.subject.target) for build in builds))
    if wanted != set(has):
        raise ImageError(
            f"{shown} is not an image of these builds: it has {', '.join(sorted(has)) or 'no platform'}",
            cause=f"the builds are for {', '.join(sorted(wanted))}",
            action="write the image again for all of them, or name those that it has with --target",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publication:
    """All images of one version, and where they go."""

    request: ImageRequest
    repositories: tuple[Repository, ...]
    builds: tuple[FinishedBuild, ...]
    journal_path: Path
    context: Context

    @property
    def version(self) -> str:
        """Return the version of all images."""
        return self.builds[0].subject.version

    def look(self, images: Mapping[Variant, Platforms]) -> Before:
        """Return where the tags are. Raises RegistryError where a version has other images than these."""
        return {repository: self._look(repository, images) for repository in self.repositories}

    def finish(self, arrived: Iterable[Arrived], before: Before) -> PushResult:
        """Prove everything in every repository, then move the tags.

        Raises RegistryError, VerificationError, NetworkError, ExecutorUnavailableError.
        """
        # Where a version is there with the same platforms, its own index stays.
        kept = [
            dataclasses.replace(item, image=before[item.repository].kept.get(item.variant, item.image))
            for item in arrived
        ]
        proved = _Proving(self).run(kept)
        inputs = tag_images.TagInputs(
            version=self.version,
            wanted=tuple(tag for item in proved for tag in _wanted(item, before[item.repository].names[item.variant])),
            before={
                (str(repository), tag): digest
                for repository, seen in before.items()
                for tag, digest in seen.digests.items()
            },
            journal_path=self.journal_path,
        )
        journal = tag_images.run(inputs, self.context)
        return PushResult(images=proved, journal=journal, journal_path=self.journal_path)

    def _look(self, repository: Repository, images: Mapping[Variant, Platforms]) -> TagsBefore:
        with self.context.reporter.step(f"look at {repository}"), Registry(repository, self.context.environ) as there:
            names = {variant: self._tags(variant, there.tags(repository.path)) for variant in images}
            return look(there, repository, names, images)

    def _tags(self, variant: Variant, published: tuple[str, ...]) -> TagNames:
        tags = version_tags(self.version, (*self.request.published, *published))
        (design,) = (item for item in self.request.designs if item.variant == variant)
        own = design_tags(design, tags[:1])
        return own, tuple(tag for tag in design_tags(design, tags) if tag not in own)


class _Proving:
    """Proofs of images. An equal digest is an equal image: what its programs do is seen once."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._tried: set[str] = set()

    def run(self, images: Iterable[Arrived]) -> tuple[Arrived, ...]:
        """Return the images with every finding about each; raises VerificationError when one fails."""
        return tuple(dataclasses.replace(item, findings=self._prove(item)) for item in images)

    def _prove(self, item: Arrived) -> tuple[Finding, ...]:
        request, context = self._publication.request, self._publication.context
        reference = ImageReference(repository=item.repository, tag=None, digest=item.image.digest)
        (design,) = (design for design in request.designs if design.variant == item.variant)
        runtime = request.request.runtime
        with context.reporter.step(f"prove {item.variant} in {item.repository}") as step:
            means = self._means() if runtime.canaries and item.image.digest not in self._tried else {}
            findings = prove_image.run(
                prove_image.ProveInputs(
                    reference=reference, design=design, runtime=runtime, builds=self._publication.builds,
                    means=means, executor=request.request.executor,
                ),
                context,
            )  # fmt: skip
            step.detail(f"{len(findings)} findings")
        if wrong := failed(findings):
            raise _failed(reference, wrong)
        self._tried.add(item.image.digest)
        return findings

    def _means(self) -> dict[str, Means]:
        """Return what there is to run each target's programs with."""
        request, context = self._publication.request.request, self._publication.context
        toolchains = (toolbox.run(toolbox_inputs(request, item), context) for item in request.targets)
        return {each.target.name: means_of(each, context.environ, request.host) for each in toolchains}


def _wanted(item: Arrived, names: TagNames) -> tuple[WantedTag, ...]:
    own, moving = names
    return tuple(
        WantedTag(repository=item.repository, tag=tag, image=item.image, immutable=tag in own)
        for tag in (*own, *moving)
    )


def _failed(reference: ImageReference, wrong: tuple[Finding, ...]) -> VerificationError:
    return VerificationError(
        f"{len(wrong)} checks of {reference} failed",
        cause="the image is not of these builds, or was damaged on its way",
        action="write the image again from the builds and push that; no tag was moved",
        details="\n".join(f"{finding.id}: {finding.where}: {finding.message}" for finding in wrong),
    )
