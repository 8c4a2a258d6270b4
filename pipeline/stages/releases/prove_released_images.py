"""See that the images of a release are where its manifest says, before anybody is told of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from pipeline.context import Context
from pipeline.errors import PublishError
from pipeline.images.published import platforms_of
from pipeline.model.events import Where
from pipeline.model.images.reference import parse_repository
from pipeline.model.images.released import ReleasedImage, ReleasedTag
from pipeline.model.releases.release import counted
from pipeline.oci_registry.client import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProveInputs:
    """The images that a release says it has."""

    images: tuple[ReleasedImage, ...]


def run(inputs: ProveInputs, context: Context) -> int:
    """Ask the registries, and return how many requests that took.

    Raises PublishError with all that is not as it should be, RegistryError, NetworkError.
    """
    if not inputs.images:
        return 0
    faults: list[str] = []
    requests = tags = 0
    with context.reporter.step("prove the images", where=Where.NETWORK) as step:
        for image in inputs.images:
            if not image.tags:
                faults.append(f"{image.runtime} {image.version}, {image.variant}: in no registry")
            for name in dict.fromkeys(tag.repository for tag in image.tags):
                own = [tag for tag in image.tags if tag.repository == name]
                with Registry(parse_repository(name), context.environ) as registry:
                    faults += _faults(image, own, registry)
                    requests += registry.requests
                tags += len(own)
        step.detail(f"{tags} tags, {requests} requests")
    if faults:
        raise _not_there(faults)
    return requests


def _faults(image: ReleasedImage, tags: list[ReleasedTag], registry: Registry) -> Iterator[str]:
    """Yield what is wrong in one repository: its tags, the indexes that have them, and each platform's manifest."""
    repository = tags[0].repository
    path = parse_repository(repository).path
    for tag in tags:
        found = registry.manifest(path, tag.tag)
        if found is None:
            yield f"{repository}:{tag.tag}: not there"
        elif found.digest != tag.digest:
            yield f"{repository}:{tag.tag}: it is {found.digest}, not {tag.digest}"
        elif platforms_of(found, registry) != image.digests():
            yield f"{repository}:{tag.tag}: other images than those of the release"
    for platform, digest in image.digests().items():
        if registry.manifest(path, digest) is None:
            yield f"{repository}@{digest} ({platform}): not there"


def _not_there(faults: list[str]) -> PublishError:
    return PublishError(
        f"the images of the release are not where it says ({counted(len(faults), 'difference')})",
        cause="they were not pushed, were removed or replaced since, or the release is older than the push",
        action="push them with `image --push`, and assemble the release again",
        details="\n".join(faults),
    )
