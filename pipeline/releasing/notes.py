"""Notes of a release, from its manifest and a template."""

from __future__ import annotations

import importlib.resources
import string
from collections.abc import Iterator

from pipeline.model.images.released import ReleasedImage
from pipeline.model.prebuilds.manifest import Prebuild
from pipeline.model.prebuilds.released import ReleasedPrebuilds
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import Product, ReleaseManifest, V8Archive

_TEMPLATE = "release-notes.md"
_BESIDE_PRODUCTS = (
    " `….build-info.json` and\n`….report.html` tell how each product was made and what the checks said; `….cdx.json`"
    " (CycloneDX 1.6) and\n`….spdx.json` (SPDX 2.3) list what it is made of."
)


def notes(manifest: ReleaseManifest) -> str:
    """Return the text, in Markdown."""
    template = importlib.resources.files("pipeline").joinpath("data", _TEMPLATE).read_text(encoding="utf-8")
    parts = (_products, _images, _prebuilds, _deltas, _v8)
    blocks = [block for block in (part(manifest) for part in parts) if block]
    beside = _BESIDE_PRODUCTS if manifest.products else ""
    return string.Template(template).substitute(tag=manifest.tag, contents="\n".join(blocks), beside=beside)


def _products(manifest: ReleaseManifest) -> str:
    if not manifest.products:
        return ""
    head = ["| | for | needs | V8 | zip | tar.zst |", "|---|---|---|---|---:|---:|"]
    return "\n".join((*head, *map(_row, manifest.products), ""))


def _row(product: Product) -> str:
    needs = [f"glibc {product.libc_floor}" if product.libc_floor else "", *product.assumed_libraries]
    sizes = [
        _megabytes(asset.size_bytes)
        for kind in (AssetKind.ZIP, AssetKind.TAR)
        for asset in product.assets
        if asset.kind is kind
    ]
    cells = (
        f"{product.name} {product.version}",
        product.target,
        ", ".join(filter(None, needs)),
        product.v8_version or "",
        *sizes,
    )
    return f"| {' | '.join(cells)} |"


def _images(manifest: ReleaseManifest) -> str:
    if not manifest.images:
        return ""
    head = ["## Images", "", "| image | for | digest |", "|---|---|---|"]
    return "\n".join((*head, *(row for image in manifest.images for row in _image_rows(image)), ""))


def _image_rows(image: ReleasedImage) -> Iterator[str]:
    platforms = ", ".join(item.platform for item in image.platforms)
    for tag in image.tags:
        yield f"| `{tag.repository}:{tag.tag}` | {platforms} | `{tag.digest}` |"
    if not image.tags:
        yield f"| {image.runtime} {image.version}, {image.variant} | {platforms} | `{image.digest}` |"


def _prebuilds(manifest: ReleaseManifest) -> str:
    packed = [one for one in manifest.prebuilds if any(asset.kind is AssetKind.PREBUILD for asset in one.assets)]
    if not packed:
        return ""
    head = ["## Prebuilds", "", "| | for | needs | packed |", "|---|---|---|---:|"]
    rows = (_prebuild_row(one, prebuild) for one in packed for prebuild in one.prebuilds)
    return "\n".join((*head, *rows, ""))


def _prebuild_row(one: ReleasedPrebuilds, prebuild: Prebuild) -> str:
    libc = " ".join(filter(None, (prebuild.libc, prebuild.libc_floor)))
    node = f"Node-API {prebuild.node_api}" if prebuild.node_api else ""
    abi = f"Node's ABI {prebuild.node_abi}" if prebuild.node_abi else ""
    sizes = ", ".join(f"{archive.format} {_megabytes(archive.size_bytes)}" for archive in prebuild.archives)
    needs = ", ".join(filter(None, (libc, node, abi, *prebuild.libraries)))
    return f"| {one.name} {one.version}: {prebuild.name} | {prebuild.platform}-{prebuild.arch} | {needs} | {sizes} |"


def _deltas(manifest: ReleaseManifest) -> str:
    lines = [
        f"* `{delta.asset.name}` ({_megabytes(delta.asset.size_bytes)}) from {delta.old_tag}"
        for product in manifest.products
        for delta in product.deltas
    ]
    apply = "`python -m pipeline release apply-delta OLD DELTA NEW` makes the new file; `release.json` lies beside."
    return "\n".join(("## Updating with less to fetch", "", apply, "", *lines, "")) if lines else ""


def _v8(manifest: ReleaseManifest) -> str:
    if not manifest.v8_archives:
        return ""
    return "\n".join(_v8_lines(manifest.v8_archives))


def _v8_lines(archives: tuple[V8Archive, ...]) -> Iterator[str]:
    yield "V8 for the build script of the `v8` crate: set `RUSTY_V8_MIRROR` to the address above the tag's."
    yield ""
    yield "| v8 crate | V8 | for | packed |"
    yield "|---|---|---|---:|"
    for archive in archives:
        size = _megabytes(archive.assets[0].size_bytes)
        yield f"| {archive.crate_version} | {archive.v8_version or ''} | {archive.rust_triple} | {size} |"
    yield ""


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"
