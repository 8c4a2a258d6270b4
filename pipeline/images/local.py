"""An image that lies in an OCI layout on disk, ready to be pushed: with attestations, if it has any."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.images.bases import platform_name
from pipeline.images.oci import INDEX_TYPE, MANIFEST_TYPE, LayoutReader
from pipeline.model.images.attestation import is_attestation
from pipeline.oci_registry.client import MANIFEST_TYPES, Manifest
from pipeline.oci_registry.uploads import LocalBlob
from pipeline.packing import tarball

_BLOB = re.compile(r"blobs/sha256/[0-9a-f]{64}")
_FILES = frozenset({"index.json", "oci-layout"})
_MAX_MANIFESTS = 128
_MAX_DEPTH = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalImage:
    """One image, for all its platforms."""

    top: Manifest
    manifests: tuple[Manifest, ...]
    """All, those first that others name, and *top* last."""
    blobs: Mapping[str, LocalBlob]
    """Configurations and layers, by digest."""
    platforms: Mapping[str, str]
    """Digest of each platform's manifest."""


def open_image(place: Path, scratch_dir: Path, *, attested: bool = True) -> LocalImage:
    """Return the one image in *place*, an OCI layout or a tar of one, whose files go to *scratch_dir*.

    Without *attested*, attestations are left out, which need not be there then.

    Raises ImageError for a layout that is not whole or holds several images, ArchiveError for a damaged tar.
    """
    directory = place if place.is_dir() else _spilled(place, scratch_dir)
    reader = LayoutReader(directory=directory, role="image that can be pushed")
    entries = reader.items(reader.index().get("manifests"), "manifests")
    # buildx writes one entry for each tag.
    tops = {str(entry.get("digest") if isinstance(entry, dict) else entry): entry for entry in entries}
    if len(tops) != 1:
        raise reader.wrong(f"it holds {len(tops)} images")
    return _Reading(reader, attested=attested).run(next(iter(tops.values())))


def _spilled(place: Path, scratch_dir: Path) -> Path:
    """Write the files of a layout in a tar to a directory, under their names, which are checked."""
    spilled = scratch_dir / "spilled"
    spilled.mkdir()
    (scratch_dir / "layout/blobs/sha256").mkdir(parents=True)
    for member in tarball.spill_tar(place, spilled, lambda name, _size, _head: _is_of_layout(name)):
        if member.path is not None:
            member.path.replace(scratch_dir / "layout" / _plain(member.name))
    return scratch_dir / "layout"


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix().removeprefix("./")


def _is_of_layout(name: str) -> bool:
    return _plain(name) in _FILES or bool(_BLOB.fullmatch(_plain(name)))


class _Reading:
    """The image, as it is found."""

    def __init__(self, reader: LayoutReader, *, attested: bool) -> None:
        self._reader, self._attested = reader, attested
        self._manifests: dict[str, Manifest] = {}
        self._blobs: dict[str, LocalBlob] = {}
        self._platforms: dict[str, str] = {}

    def run(self, entry: Mapping[str, Any]) -> LocalImage:
        top = self._add(entry, depth=0)
        return LocalImage(
            top=top, manifests=tuple(self._manifests.values()), blobs=self._blobs, platforms=self._platforms
        )

    def _add(self, entry: Mapping[str, Any], depth: int) -> Manifest:
        reader = self._reader
        if depth > _MAX_DEPTH or len(self._manifests) > _MAX_MANIFESTS:
            raise reader.wrong("its indexes are nested too deeply, or name too many manifests")
        described, content = reader.document(entry), reader.blob(entry).read_bytes()
        media_type = described.get("mediaType") or entry.get("mediaType")
        if media_type not in MANIFEST_TYPES:
            media_type = INDEX_TYPE if "manifests" in described else MANIFEST_TYPE
        manifest = Manifest(media_type=media_type, content=content)
        if "manifests" in described:
            for child in reader.items(described["manifests"], "manifests"):
                if self._attested or not is_attestation(child):
                    self._add(child, depth + 1)
        else:
            self._add_image(manifest, described, entry)
        self._manifests[manifest.digest] = manifest
        return manifest

    def _add_image(self, manifest: Manifest, described: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        reader = self._reader
        for item in (described.get("config"), *reader.items(described.get("layers"), "layers")):
            path = reader.blob(item)
            self._blobs[item["digest"]] = LocalBlob(digest=item["digest"], path=path, size_bytes=path.stat().st_size)
        if is_attestation(entry):
            return
        platform = entry.get("platform")
        said = platform if isinstance(platform, dict) else reader.document(described.get("config"))
        name = platform_name(said)
        if name in self._platforms:
            raise reader.wrong(f"it has two images for {name}")
        self._platforms[name] = manifest.digest
