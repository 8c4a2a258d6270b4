"""Files of a release, and values that its manifest and that of prebuilds share."""

from __future__ import annotations

import enum
from typing import Annotated

import pydantic

from pipeline.model.record import Bytes, Sha256

Text = Annotated[str, pydantic.Field(min_length=1)]
FileName = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+~-]*$", max_length=255)]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AssetKind(enum.StrEnum):
    """What a file of a release is."""

    ZIP = "zip"
    TAR = "tar"
    """``.tar.zst`` with the files of the zip."""
    BUILD_INFO = "build-info"
    REPORT = "report"
    """The build record as a page."""
    CYCLONEDX = "cyclonedx"
    """Bill of materials, CycloneDX 1.6 as JSON."""
    SPDX = "spdx"
    """Bill of materials, SPDX 2.3 as JSON."""
    DELTA = "delta"
    PREBUILD_INDEX = "prebuild-index"
    """What an installer chooses by: `….prebuilds.json`."""
    PREBUILD = "prebuild"
    """An archive that such an index lists, beside zips and tars of products."""
    UPDATER = "updater"
    """What the product's own updater asks for, under the name that it has it by: the zip or a delta again, sums, the
    latest tag."""
    V8_ARCHIVE = "v8-archive"
    V8_BINDING = "v8-binding"
    """Declarations of an archive's functions for Rust."""
    V8_RECORD = "v8-record"
    NOTES = "notes"


class Asset(_Model):
    """A file of the release."""

    name: FileName
    kind: AssetKind
    size_bytes: Bytes
    sha256: Sha256
    packing: str | None = None
    """Which implementation and settings packed it: others make other bytes of equal content."""


class SnapshotDigest(_Model):
    """A file that a generator made, and that the product carries."""

    package: Text
    path: Text
    """Relative to the package's OUT_DIR."""
    sha256: Sha256
