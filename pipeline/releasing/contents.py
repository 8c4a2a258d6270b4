"""What deltas lead from and to: the bytes that a release's tar holds, or its only file."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path

from pipeline.errors import ArchiveError
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import DeltaContent, Product
from pipeline.packing import delta, tarball
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
            tarball.extract_tar(path, Path(scratch), tarball.TarLimits(total_bytes=_total_bytes(product)))
            unpacked = _only_file(path, Path(scratch))
        else:
            unpacked = Path(scratch) / "product.tar"
            tarball.unpack_zstd(path, unpacked, max_bytes=_largest_tar_bytes(product))
        data = unpacked.read_bytes()
    return Content(data=data, sha256=hashlib.sha256(data).hexdigest())


def is_too_large(product: Product) -> bool:
    """Return whether the product has more bytes than a delta can be about."""
    return _largest_tar_bytes(product) > delta.MAX_CONTENT_BYTES


def _only_file(path: Path, directory: Path) -> Path:
    """Return the file that was unpacked; what the manifest calls it may lead elsewhere."""
    files = [file for file in directory.rglob("*") if file.is_file()]
    if len(files) != 1:
        raise ArchiveError(
            f"{path} holds {len(files)} files, and its release says that it holds one",
            cause="the manifest is of another release",
            action="get the release again",
        )
    return files[0]


def _total_bytes(product: Product) -> int:
    return sum(file.size_bytes for file in product.files)


def _largest_tar_bytes(product: Product) -> int:
    """Return how large the tar of the product's files can be: a header or three and padding for each, and the end."""
    return _total_bytes(product) + 8 * _TAR_BLOCK_BYTES * len(product.files) + 2 * _TAR_RECORD_BYTES
