"""``release.json``: everything that a release consists of, in one list; see docs/releases.md."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pydantic

from pipeline.model.images.released import ReleasedImage
from pipeline.model.prebuilds.released import ReleasedPrebuilds
from pipeline.model.record import Bytes, FileRecord, Sha256
from pipeline.model.releases.asset import Asset, SnapshotDigest, Text

MANIFEST_NAME = "release.json"
SUMS_NAME = "SHA256SUMS"
NOTES_NAME = "RELEASE-NOTES.md"


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DeltaFormat(enum.StrEnum):
    """How a delta is written."""

    BSDIFF = "bsdiff"
    """Control, difference and extra bytes in turns, as the crate ``bsdiff`` 0.2 reads them, in one zstd frame."""
    ZSTD_PATCH = "zstd-patch"
    """One zstd frame that refers to the old bytes, as ``zstd -d --patch-from=OLD`` reads it."""


class DeltaContent(enum.StrEnum):
    """What a delta leads from and to."""

    PROGRAM = "program"
    """The only file of the product."""
    TAR = "tar"
    """The tar of all files, unpacked from ``.tar.zst``."""


class Delta(_Model):
    """A file that makes a product from an earlier one."""

    asset: Asset
    format: DeltaFormat
    content: DeltaContent
    old_tag: Text
    old_version: Text
    old_size_bytes: Bytes
    old_sha256: Sha256
    new_size_bytes: Bytes
    new_sha256: Sha256


class Product(_Model):
    """One runtime for one target."""

    name: Text
    version: Text
    target: Text
    rust_triple: Text
    oci_platform: Text
    libc: Literal["glibc"] = "glibc"
    libc_floor: str | None = None
    """Oldest version of the C library that all files of the product run with, measured; None: it needs none."""
    assumed_libraries: tuple[str, ...] = ()
    """Libraries that users must have beside the C library."""
    vm_crate: Text
    vm_crate_version: Text
    v8_version: str | None = None
    snapshots: tuple[SnapshotDigest, ...]
    subject_sha256: Sha256
    """Of what two equal builds share, as the build record has it."""
    files: tuple[FileRecord, ...]
    """What zip and tar hold: equal bytes in both."""
    assets: tuple[Asset, ...]
    deltas: tuple[Delta, ...] = ()


class V8Archive(_Model):
    """V8 for one target, as the build script of the ``v8`` crate takes it from a mirror."""

    crate_version: Text
    rust_triple: Text
    v8_version: str | None = None
    """As the archive says; None when it does not say."""
    assets: tuple[Asset, ...]


class ReleaseManifest(_Model):
    """A whole ``release.json``."""

    schema_version: Literal[1]
    tag: Text
    pipeline_version: Text
    source_date_epoch_s: int
    """Newest time that a file inside the assets bears."""
    products: tuple[Product, ...] = ()
    images: tuple[ReleasedImage, ...] = ()
    """They lie in registries, not among the files of the release."""
    prebuilds: tuple[ReleasedPrebuilds, ...] = ()
    v8_archives: tuple[V8Archive, ...] = ()
    further: tuple[Asset, ...] = ()
    """Files that belong to the whole release."""

    def assets(self) -> tuple[Asset, ...]:
        """Return every file of the release but this one and the sums."""
        products = (asset for product in self.products for asset in product.assets)
        deltas = (delta.asset for product in self.products for delta in product.deltas)
        prebuilds = (asset for item in self.prebuilds for asset in item.assets)
        archives = (asset for archive in self.v8_archives for asset in archive.assets)
        return (*products, *deltas, *prebuilds, *archives, *self.further)

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    @pydantic.model_validator(mode="after")
    def _distinct(self) -> ReleaseManifest:
        names = [asset.name for asset in self.assets()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two files are called {twice[0]}")
        return self


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of ``release.json``."""
    return ReleaseManifest.model_json_schema(mode="serialization")
