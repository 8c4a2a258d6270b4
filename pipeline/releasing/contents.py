"""What deltas lead from and to: the bytes that a release's tar holds, or its only file."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path

from pipeline import tarball
from pipeline.model.manifest import AssetKind, DeltaContent, Product
from pipeline.releasing.directory import check_asset

_TAR_BLOCK_BYTES = 512
_TAR_RECORD_BYTES = 10240


@dataclasses.dataclass(frozen=True, kw_only=True)
class Content:
    """The bytes on one side of a delta."""

    data: bytes
    sha256: str


def content_kind(*products: Product) -> DeltaContent:
    """Return what a delta between these products leads from and to."""
    single = all(len(product.files) == 1 for product in products)
    return DeltaContent.PROGRAM if single else DeltaContent.TAR


def read_content(release_dir: Path, product: Product, kind: DeltaContent) -> Content:
    """Return the bytes of *product* in the release that lies in *release_dir*.

    Raises IntegrityError when its tar is missing or not what the manifest says, ArchiveError when it is damaged.
    """
    tar = next(asset for asset in product.assets if asset.kind is AssetKind.TAR)
    path = check_asset(release_dir, tar)
    with tempfile.TemporaryDirectory(prefix="snapstitch-") as scratch:
        if kind is DeltaContent.PROGRAM:
            tarball.extract_tar(path, Path(scratch))
            unpacked = Path(scratch) / product.files[0].path
        else:
            unpacked = Path(scratch) / "product.tar"
            tarball.unpack_zstd(path, unpacked, max_bytes=_largest_tar_bytes(product))
        data = unpacked.read_bytes()
    return Content(data=data, sha256=hashlib.sha256(data).hexdigest())


def _largest_tar_bytes(product: Product) -> int:
    """Return how large the tar of the product's files can be: a header or three and padding for each, and the end."""
    files = sum(file.size_bytes + 8 * _TAR_BLOCK_BYTES for file in product.files)
    return files + 2 * _TAR_RECORD_BYTES
