"""Make deltas from the products of an earlier release, keep those that pay, and prove each before it counts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError
from pipeline.model.asset import ZIP_SUFFIX
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.manifest import Delta, DeltaContent, DeltaFormat, Product, ReleaseManifest
from pipeline.packing import delta
from pipeline.releasing.contents import Content, content_kind, is_too_large, read_content
from pipeline.releasing.directory import describe

DEFAULT_LIMIT = 0.5
SUFFIXES = {DeltaFormat.BSDIFF: ".bsdiff", DeltaFormat.ZSTD_PATCH: ".zst-patch"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeltaInputs:
    """A product of the new release, and an earlier release."""

    product: Product
    release_dir: Path
    """Where the product's files lie, and the delta is written."""
    earlier: ReleaseManifest
    earlier_dir: Path
    limit: float = DEFAULT_LIMIT
    """A delta pays when it is at most this part of the product's smallest archive."""
    wanted: DeltaFormat | None = None
    """The format that is taken where the content is not too large for it; None: that of the smallest delta."""


def run(inputs: DeltaInputs, context: Context) -> Delta | None:
    """Return the delta from the earlier release's product of the same name and target; None when none pays.

    Raises IntegrityError when a delta does not lead to the new bytes, or an earlier file is not what its release says.
    """
    product = inputs.product
    old = next((x for x in inputs.earlier.products if (x.name, x.target) == (product.name, product.target)), None)
    if old is None:
        return None
    kind = content_kind(old, product)
    with context.reporter.step(f"delta for {product.name} {product.target} from {inputs.earlier.tag}") as step:
        if is_too_large(old) or is_too_large(product):
            step.detail("too large for one")
            return None
        sides = _Sides(
            old=read_content(inputs.earlier_dir, old, kind), new=read_content(inputs.release_dir, product, kind)
        )
        if sides.old.sha256 == sides.new.sha256:
            step.detail("nothing changed")
            return None
        made = sides.smallest(inputs.wanted)
        whole = min(asset.size_bytes for asset in product.assets if asset.kind in {AssetKind.ZIP, AssetKind.TAR})
        if made is None:
            step.detail("too large for one")
            return None
        step.detail(f"{made.kind.value}, {len(made.data):,} of {whole:,} bytes")
        return _written(inputs, old, kind, sides, made) if len(made.data) <= inputs.limit * whole else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Made:
    kind: DeltaFormat
    data: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sides:
    """What the delta leads from and to."""

    old: Content
    new: Content

    def smallest(self, wanted: DeltaFormat | None) -> _Made | None:
        """Return the smallest delta, proved; None when the content is too large for any."""
        old, new = self.old.data, self.new.data
        possible = delta.formats(len(old), len(new))
        formats = (wanted,) if wanted in possible else possible
        candidates = (_Made(kind=kind, data=delta.make(kind, old, new)) for kind in formats)
        best = min(candidates, key=lambda made: len(made.data), default=None)
        if best is not None and delta.apply(best.kind, old, best.data, new_bytes=len(new)) != new:
            raise IntegrityError(
                f"a {best.kind.value} delta does not lead to the new bytes",
                cause="a mistake in the library that made it, or a machine that changes bytes",
                action="try again; leave deltas out with fewer --previous",
            )
        return best


def _written(inputs: DeltaInputs, old: Product, kind: DeltaContent, sides: _Sides, made: _Made) -> Delta:
    """Write the delta, read it back, and return its entry."""
    asset = _asset(inputs, old, made)
    return Delta(
        asset=asset,
        format=made.kind,
        content=kind,
        old_tag=inputs.earlier.tag,
        old_version=old.version,
        old_size_bytes=len(sides.old.data),
        old_sha256=sides.old.sha256,
        new_size_bytes=len(sides.new.data),
        new_sha256=sides.new.sha256,
    )


def _asset(inputs: DeltaInputs, old: Product, made: _Made) -> Asset:
    product = inputs.product
    stem = next(asset.name for asset in product.assets if asset.kind is AssetKind.ZIP).removesuffix(ZIP_SUFFIX)
    # Republished under another tag, a version can follow itself.
    origin = old.version if old.version != product.version else inputs.earlier.tag
    path = inputs.release_dir / f"{stem}.from-{origin}{SUFFIXES[made.kind]}"
    with fs.atomic_path(path) as temporary:
        temporary.write_bytes(made.data)
    return describe(path, AssetKind.DELTA)
