"""Send an image to a repository, without a tag: blobs first, then manifests by their digests."""

from __future__ import annotations

import dataclasses

from pipeline.context import Context
from pipeline.images.local import LocalImage
from pipeline.model.images.reference import Repository
from pipeline.oci_registry.client import Registry
from pipeline.oci_registry.uploads import Destination, LocalBlob, upload


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushInputs:
    """One image and one repository."""

    image: LocalImage
    repository: Repository
    mounted_from: str | None = None
    """Path of another repository of the registry that has the blobs by now."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pushed:
    """What it took."""

    blobs: int
    """That were sent; others were there."""
    size_bytes: int
    """Of those blobs."""
    requests: int


def run(inputs: PushInputs, context: Context) -> Pushed:
    """Push, and return what it took. Nothing that is there is sent again.

    Raises RegistryError, NetworkError.
    """
    image, repository = inputs.image, inputs.repository
    sent: list[LocalBlob] = []
    total = sum(blob.size_bytes for blob in image.blobs.values())
    with Registry(repository, context.environ) as registry:
        to = Destination(registry=registry, path=repository.path, mounted_from=inputs.mounted_from)
        with context.reporter.progress(f"push {repository}", total=total) as progress:
            for blob in image.blobs.values():
                if upload(to, blob, lambda _sent_bytes: None):
                    sent.append(blob)
                progress.advance(blob.size_bytes)
        for manifest in image.manifests:
            if registry.manifest(repository.path, manifest.digest) is None:
                registry.put_manifest(repository.path, manifest.digest, manifest)
        return Pushed(blobs=len(sent), size_bytes=sum(blob.size_bytes for blob in sent), requests=registry.requests)
