"""Take images into a release's manifest: each is looked at in its layout, and found in the journal of its push."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, ReleaseError
from pipeline.images.journal import JOURNAL_SUFFIX, Journal, read_journal
from pipeline.images.local import LocalImage, open_image
from pipeline.images.place import product_place
from pipeline.images.root import file_digests
from pipeline.images.tags import version_tags
from pipeline.model.images.released import ReleasedImage, ReleasedPlatform, ReleasedTag
from pipeline.model.releases.manifest import Product
from pipeline.model.spec.images import Variant
from pipeline.oci_registry.client import Manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedLayout:
    """An OCI layout, or a tar of one, with the image of one variant."""

    runtime: str
    variant: Variant
    path: Path

    def __str__(self) -> str:
        """Return it as it is given on the command line."""
        return f"{self.runtime}:{self.variant}={self.path}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageInputs:
    """Layouts, and the products of the release, which they must hold."""

    layouts: tuple[NamedLayout, ...]
    products: tuple[Product, ...]


def run(inputs: ImageInputs, context: Context) -> tuple[ReleasedImage, ...]:
    """Return the entries of the manifest.

    Raises ReleaseError for an image that does not fit the release, or whose push did not end, IntegrityError for one
    with other files than the products, ImageError, ArchiveError, RegistryError for what cannot be read.
    """
    journals = _journals(inputs.layouts)
    return tuple(_included(layout, inputs, journals.get(layout.runtime), context) for layout in inputs.layouts)


def _included(
    layout: NamedLayout, inputs: ImageInputs, journal: tuple[Path, Journal] | None, context: Context
) -> ReleasedImage:
    products = tuple(product for product in inputs.products if product.name == layout.runtime)
    if not products:
        raise _does_not_fit(layout, f"the release has no {layout.runtime}")
    parent = fs.make_directory(context.cache_dir / "images")
    with (
        context.reporter.step(f"image {layout.runtime} {layout.variant}") as step,
        tempfile.TemporaryDirectory(prefix="release-", dir=parent) as scratch,
    ):
        image = open_image(layout.path, fs.make_directory(Path(scratch) / "image"))
        _check_platforms(layout, image, products)
        platforms = tuple(_platform(layout, image, product, Path(scratch)) for product in products)
        tags = tuple(_tags(layout, products[0].version, *journal)) if journal else ()
        step.detail(f"{len(platforms)} platforms, {len(tags)} tags")
    return ReleasedImage(
        runtime=layout.runtime,
        version=products[0].version,
        variant=layout.variant,
        digest=image.top.digest,
        platforms=platforms,
        tags=tags,
    )


def _check_platforms(layout: NamedLayout, image: LocalImage, products: tuple[Product, ...]) -> None:
    wanted = {product.oci_platform for product in products}
    if wanted != set(image.platforms):
        has = ", ".join(sorted(image.platforms)) or "no platform"
        raise _does_not_fit(layout, f"it has {has}, and the release has {', '.join(sorted(wanted))}")


def _platform(layout: NamedLayout, image: LocalImage, product: Product, scratch: Path) -> ReleasedPlatform:
    """Return the entry of one platform, whose files are those of *product*; raises IntegrityError."""
    digest = image.platforms[product.oci_platform]
    manifest = next(manifest for manifest in image.manifests if manifest.digest == digest)
    config, *layers = _blobs(image, manifest)
    place = product_place(layout.runtime, files=len(product.files))
    wanted = {f"{place}/{file.path}": file.sha256 for file in product.files}
    found = file_digests(layers, wanted, fs.make_directory(scratch / product.target))
    if wrong := sorted(path for path, sha256 in wanted.items() if found.get(path) != sha256):
        raise IntegrityError(
            f"{layout} does not hold the {product.name} of the release for {product.target}: {', '.join(wrong)}",
            cause="the image was made from other builds",
            action="write it again from the builds of the release, and push that",
        )
    return ReleasedPlatform(
        platform=product.oci_platform,
        target=product.target,
        digest=digest,
        size_bytes=sum(path.stat().st_size for path in (config, *layers)),
        subject_sha256=product.subject_sha256,
        place=f"/{place}",
    )


def _blobs(image: LocalImage, manifest: Manifest) -> list[Path]:
    """Return configuration and layers; what the manifest says of them was checked when the image was opened."""
    described = json.loads(manifest.content)
    return [image.blobs[entry["digest"]].path for entry in (described["config"], *described["layers"])]


def _journals(layouts: Iterable[NamedLayout]) -> Mapping[str, tuple[Path, Journal]]:
    """Return the journal of each runtime, which lies beside one of its layouts."""
    found: dict[str, tuple[Path, Journal]] = {}
    for layout in layouts:
        path = layout.path.with_name(f"{layout.runtime}{JOURNAL_SUFFIX}")
        if layout.runtime not in found and (journal := read_journal(path)):
            found[layout.runtime] = path, journal
    return found


def _tags(layout: NamedLayout, version: str, path: Path, journal: Journal) -> Iterator[ReleasedTag]:
    """Yield the tags of the version in every repository."""
    if journal.version != version:
        raise _not_pushed(path, f"it is of {layout.runtime} {journal.version}, and the release has {version}")
    if not journal.is_done:
        raise _not_pushed(path, "it did not end")
    own = f"{version_tags(version)[0]}-{layout.variant}"
    digests = {move.repository: move.after for move in journal.moves if move.tag == own}
    for move in journal.moves:
        if move.immutable and digests.get(move.repository) == move.after:
            yield ReleasedTag(repository=move.repository, tag=move.tag, digest=move.after)


def _not_pushed(path: Path, why: str) -> ReleaseError:
    return ReleaseError(
        f"the push of which {path} tells is not one of this release: {why}",
        cause="`image --push` was interrupted, or pushed an earlier version last",
        action="run `image --push` again, and assemble then",
    )


def _does_not_fit(layout: NamedLayout, why: str) -> ReleaseError:
    return ReleaseError(
        f"{layout} is no image of this release: {why}",
        cause="another --dist than the image was made from, or a misspelt runtime",
        action="give --image RUNTIME:VARIANT=LAYOUT with an image of these very builds",
    )
