"""Take prebuilds into a release: an index of its products, and what was packed of addons and programs."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PrebuildError, ReleaseError
from pipeline.model.prebuilds.manifest import INDEX_SUFFIX, PrebuildManifest, Probe
from pipeline.model.prebuilds.released import ReleasedPrebuilds
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.manifest import Product
from pipeline.prebuilding.build_index import index_of
from pipeline.prebuilding.packed import Packed, check_programs, find_packed
from pipeline.releasing.builds import FinishedBuild
from pipeline.releasing.directory import describe


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrebuildInputs:
    """The products of a release, and directories with prebuilds that belong to it."""

    release_dir: Path
    """Where the products' files lie."""
    builds: tuple[FinishedBuild, ...]
    products: tuple[Product, ...]
    """Of the builds."""
    probes: Mapping[str, Probe]
    """How a runtime's program shows that it works, by the name of the runtime."""
    prebuild_dirs: tuple[Path, ...] = ()


def run(inputs: PrebuildInputs, context: Context) -> tuple[ReleasedPrebuilds, ...]:
    """Write the files, and return their entries for the manifest.

    Raises ReleaseError for a directory without prebuilds or two files of one name, PrebuildError, IntegrityError for
    archives that do not hold what their index says, and for a program that is another one than the product's.
    """
    with context.reporter.step("prebuilds") as step:
        own = tuple(_of_products(inputs, context))
        packed = find_packed(inputs.prebuild_dirs)
        check_programs((prebuild for one in packed for prebuild in one.manifest.prebuilds), inputs.products)
        found = (*own, *(_of_packed(inputs.release_dir, one) for one in packed))
        step.detail(f"{len(found)} indexes, {sum(len(one.prebuilds) for one in found)} prebuilds")
    return found


def _of_products(inputs: PrebuildInputs, context: Context) -> Iterator[ReleasedPrebuilds]:
    tars = {_asset(product, AssetKind.ZIP).name: _asset(product, AssetKind.TAR) for product in inputs.products}
    for (name, _version), group in itertools.groupby(sorted(inputs.builds, key=_project), key=_project):
        try:
            index = index_of(tuple(group), inputs.probes.get(name), tars)
        except PrebuildError as error:
            context.reporter.warn(f"installers of prebuilds will not find {name}: {error.what}")
            continue
        place = inputs.release_dir / f"{index.name}-{index.version}{INDEX_SUFFIX}"
        fs.write_text(place, index.to_json())
        yield _entry(index, (describe(place, AssetKind.PREBUILD_INDEX),))


def _asset(product: Product, kind: AssetKind) -> Asset:
    return next(asset for asset in product.assets if asset.kind is kind)


def _project(build: FinishedBuild) -> tuple[str, str]:
    return build.subject.name, build.subject.version


def _of_packed(release_dir: Path, packed: Packed) -> ReleasedPrebuilds:
    index = _copied(packed.index_path, release_dir)
    archives = (
        describe(_copied(path, release_dir), AssetKind.PREBUILD, packing=entry.packing)
        for entry, path in packed.archives
    )
    return _entry(packed.manifest, (describe(index, AssetKind.PREBUILD_INDEX), *archives))


def _entry(index: PrebuildManifest, assets: tuple[Asset, ...]) -> ReleasedPrebuilds:
    return ReleasedPrebuilds(name=index.name, version=index.version, prebuilds=index.prebuilds, assets=assets)


def _copied(path: Path, release_dir: Path) -> Path:
    final = release_dir / path.name
    if final.exists():
        raise ReleaseError(
            f"{path} has the name of another file of this release",
            cause="the same prebuilds were named twice, or a project is called like a product of the release",
            action="name each directory once with --prebuilds, or give the recipe another name",
        )
    with fs.atomic_path(final) as temporary:
        shutil.copyfile(path, temporary)
    return final
