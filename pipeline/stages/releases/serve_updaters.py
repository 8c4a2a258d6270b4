"""Add to a release what the products' own updaters ask for, under the names that they have it by."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ReleaseError
from pipeline.model.asset import ZIP_SUFFIX, asset_name
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.manifest import DeltaContent, DeltaFormat, Product
from pipeline.model.spec.updater import UpdaterSpec
from pipeline.model.target import find_target
from pipeline.releasing.directory import describe

SUM_SUFFIX = ".sha256sum"


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdaterInputs:
    """The products of a release, and what their updaters look for."""

    release_dir: Path
    """Where the products' files lie."""
    tag: str
    products: tuple[Product, ...]
    updaters: Mapping[str, UpdaterSpec]
    """By the product's name."""


def run(inputs: UpdaterInputs, context: Context) -> tuple[Asset, ...]:
    """Write the files, and return their entries for the manifest; none for a release that the updater cannot find.

    Raises ReleaseError when two things would have one name, DiskFullError.
    """
    wanted: dict[str, Path | str] = {}
    lost: dict[str, str] = {}
    for product in inputs.products:
        updater = inputs.updaters.get(product.name)
        if updater is None:
            continue
        if not updater.fits(inputs.tag, product.version):
            lost[product.name] = f"{product.version} at the tag {updater.tag_of(product.version)}"
            continue
        for name, content in _files(inputs, product, updater):
            if wanted.setdefault(name, content) != content or (inputs.release_dir / name).exists():
                raise _taken(name, product)
    for name, looked_for in lost.items():
        context.reporter.warn(
            f"the updater of {name} looks for {looked_for}, not at {inputs.tag}: the release has no files for it"
        )
    return tuple(_written(inputs.release_dir / name, content) for name, content in wanted.items())


def _files(inputs: UpdaterInputs, product: Product, updater: UpdaterSpec) -> Iterator[tuple[str, Path | str]]:
    """Yield the name of each file that is not there yet, and what it holds: that of another file, or a text."""
    target = find_target(product.target)
    zip_name = asset_name(updater.zip, runtime=product.name, version=product.version, target=target)
    stem = zip_name.removesuffix(ZIP_SUFFIX)
    own = next(asset.name for asset in product.assets if asset.kind is AssetKind.ZIP)
    if zip_name != own:
        yield zip_name, inputs.release_dir / own
    yield updater.latest_file, updater.latest(inputs.tag, product.version)
    if updater.deltas and len(product.files) == 1:
        yield f"{stem}{SUM_SUFFIX}", f"{product.files[0].sha256}  {product.files[0].path}\n"
        yield from _deltas(inputs.release_dir, product, stem)


def _deltas(release_dir: Path, product: Product, stem: str) -> Iterator[tuple[str, Path | str]]:
    for made in product.deltas:
        if made.format is not DeltaFormat.BSDIFF or made.content is not DeltaContent.PROGRAM:
            continue
        name = f"{stem}.from-{made.old_version}.bsdiff"
        if name != made.asset.name:
            yield name, release_dir / made.asset.name
        yield f"{name}{SUM_SUFFIX}", f"{made.asset.sha256}  {name}\n"


def _written(path: Path, content: Path | str) -> Asset:
    if isinstance(content, Path):
        with fs.atomic_path(path) as temporary:
            shutil.copyfile(content, temporary)
    else:
        fs.write_text(path, content)
    return describe(path, AssetKind.UPDATER)


def _taken(name: str, product: Product) -> ReleaseError:
    return ReleaseError(
        f"{name}, which the updater of {product.name} looks for, is the name of another file of this release",
        cause="two runtimes with the same names in one release: each needs a release of its own",
        action="assemble one of them alone, with --dist; or change `updater` in releases.toml",
    )
