"""Whether an assembled release has everything that ``releases.toml`` implies: targets, runtimes and kinds."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator

from pipeline.errors import PublishError
from pipeline.model.asset import OS_NAME
from pipeline.model.images.released import ReleasedImage
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import Product, ReleaseManifest
from pipeline.model.releases.plan import plan_of
from pipeline.model.releases.release import counted
from pipeline.model.spec.images import ImageSpec
from pipeline.model.spec.prebuilds import ExecutableSpec, NodeAddonSpec, NpmSource
from pipeline.model.spec.tables import Spec
from pipeline.model.target import find_target

PRODUCT_KINDS = (
    AssetKind.ZIP, AssetKind.TAR, AssetKind.BUILD_INFO, AssetKind.REPORT, AssetKind.CYCLONEDX, AssetKind.SPDX,
)  # fmt: skip
"""What each runtime and target has."""

Pair = tuple[str, str]
"""A runtime and a target."""


def check_whole(manifest: ReleaseManifest, spec: Spec, pairs: Iterable[Pair]) -> None:
    """See that nothing is missing that *spec* says of a release of *pairs*; raises PublishError with all that is.

    A release of V8 alone has no products, and lacks none.
    """
    wanted = tuple(pairs) if manifest.products else ()
    faults = [*_zips(manifest, spec, wanted), *_kinds(manifest), *_images(manifest, spec, wanted)]
    faults += _prebuilds(manifest, spec) if manifest.products else ()
    if faults:
        raise PublishError(
            f"the release is not whole ({counted(len(faults), 'thing')} missing)",
            cause="not everything was built, pushed to its registry, or given to `release assemble`",
            action="build and push what is missing, and assemble the release again",
            details="\n".join(faults),
        )


def _zips(manifest: ReleaseManifest, spec: Spec, pairs: tuple[Pair, ...]) -> Iterator[str]:
    there = [asset.name for asset in manifest.assets() if asset.kind is AssetKind.ZIP]
    for asset in plan_of(spec, pairs).assets if pairs else ():
        if asset.kind == AssetKind.ZIP.value and not fnmatch.filter(there, asset.pattern):
            yield f"{asset.pattern}: no such zip"


def _kinds(manifest: ReleaseManifest) -> Iterator[str]:
    for product in manifest.products:
        there = {asset.kind for asset in product.assets}
        for kind in PRODUCT_KINDS:
            if kind not in there:
                yield f"{product.name} for {product.target}: no {kind.value}"


def _images(manifest: ReleaseManifest, spec: Spec, pairs: tuple[Pair, ...]) -> Iterator[str]:
    """Yield what is missing of runtimes whose images have a place to go to, or of which some are there."""
    runtimes = [runtime for runtime, _target in pairs] + [image.runtime for image in manifest.images]
    for runtime in dict.fromkeys(runtimes):
        described = spec.runtimes[runtime].image if runtime in spec.runtimes else None
        there = {image.variant: image for image in manifest.images if image.runtime == runtime}
        required = described.variants if described and (described.repositories or there) else ()
        for variant in required:
            if variant not in there:
                yield f"{runtime}: no image {variant}"
        targets = [target for name, target in pairs if name == runtime]
        for image in there.values():
            yield from _image(image, described, targets)


def _image(image: ReleasedImage, described: ImageSpec | None, targets: Iterable[str]) -> Iterator[str]:
    title = f"{image.runtime}: the image {image.variant}"
    platforms = {item.platform for item in image.platforms}
    for target in targets:
        if find_target(target).oci_platform not in platforms:
            yield f"{title} is not for {target}"
    places = {tag.repository for tag in image.tags}
    if not places:
        yield f"{title} was not pushed to a registry"
        return
    for repository in described.repositories if described else ():
        if repository not in places:
            yield f"{title} was not pushed to {repository}"


def _prebuilds(manifest: ReleaseManifest, spec: Spec) -> Iterator[str]:
    """Yield what is missing of recipes that belong to every release, or of which some prebuilds are there."""
    for name, recipe in spec.prebuilds.items():
        known = _names(name, recipe)
        found = {
            (prebuild.arch, prebuild.libc)
            for one in manifest.prebuilds
            if one.name in known and not _is_of_products(one.name, one.version, manifest.products)
            for prebuild in one.prebuilds
            if prebuild.platform == OS_NAME
        }
        if not found and not recipe.released:
            continue
        for target in recipe.targets:
            for libc in recipe.libcs:
                if (find_target(target).node_arch, libc) not in found:
                    yield f"{name}: no prebuild for {target} with {libc.value}"


def _names(name: str, recipe: NodeAddonSpec | ExecutableSpec) -> set[str]:
    """Return what the project of a recipe may be called in its index."""
    source = {recipe.source.package} if isinstance(recipe.source, NpmSource) else set()
    return {name, *source, *(recipe.programs if isinstance(recipe, ExecutableSpec) else ())}


def _is_of_products(name: str, version: str, products: Iterable[Product]) -> bool:
    return any((product.name, product.version) == (name, version) for product in products)
