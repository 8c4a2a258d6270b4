"""Files of an OCI image layout: descriptors, blobs named by their digests, and what is read back from them.

Formats: https://github.com/opencontainers/image-spec (descriptor.md, image-layout.md, media-types.md). What is read may
be anybody's: every size is bounded, every blob is what its digest says, and every value has the type that it should.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import fs
from pipeline.errors import ImageError

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
TAG_KEY = "org.opencontainers.image.ref.name"
_LOADED_KEY = "io.containerd.image.name"

_MAX_JSON_BYTES = 4 * 1024 * 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What one blob is called, and what it is."""

    media_type: str
    digest: str
    """``sha256:…``."""
    size_bytes: int

    def to_json(self, **further: object) -> dict[str, object]:
        """Return it as it stands in manifests; *further* are its other fields, such as ``platform``."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes, **further}


class LayoutWriter:
    """A layout that grows blob by blob."""

    def __init__(self, directory: Path) -> None:
        """Begin in the empty *directory*."""
        self._directory = directory
        self._blobs = directory / "blobs/sha256"
        self._blobs.mkdir(parents=True)

    def add_file(self, path: Path, media_type: str, *, keep: bool = False) -> Descriptor:
        """Make the file *path* a blob; it is moved unless it is to be kept."""
        size_bytes, sha256 = path.stat().st_size, fs.sha256_file(path)
        place = self._blobs / sha256
        if keep:
            shutil.copyfile(path, place)
        else:
            path.replace(place)
        place.chmod(0o644)
        return Descriptor(media_type=media_type, digest=f"sha256:{sha256}", size_bytes=size_bytes)

    def add_json(self, value: Mapping[str, object], media_type: str) -> Descriptor:
        """Make a JSON document a blob: equal values give equal bytes."""
        raw = fs.canonical_json(value).encode()
        sha256 = hashlib.sha256(raw).hexdigest()
        (self._blobs / sha256).write_bytes(raw)
        return Descriptor(media_type=media_type, digest=f"sha256:{sha256}", size_bytes=len(raw))

    def finish(self, image: Descriptor, tag: str, *, loaded_as: str | None = None) -> None:
        """Write what says that *image* is in the layout, and that it is called *tag*.

        *loaded_as* is the name that Docker and containerd give it when they load the layout.
        """
        (self._directory / "oci-layout").write_text(fs.canonical_json({"imageLayoutVersion": "1.0.0"}))
        names = {TAG_KEY: tag} | ({_LOADED_KEY: loaded_as} if loaded_as else {})
        manifests = [image.to_json(annotations=names)]
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
        (self._directory / "index.json").write_text(fs.canonical_json(index))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayoutReader:
    """A layout that somebody wrote. Its methods raise ImageError for what is not as it should be."""

    directory: Path
    role: str = "base for an image"
    """What it should have been, for messages."""

    def index(self) -> Mapping[str, Any]:
        """Return ``index.json``."""
        return self._object(self.directory / "index.json")

    def document(self, descriptor: object) -> Mapping[str, Any]:
        """Return the JSON document that *descriptor* names."""
        return self._object(self.blob(descriptor))

    def blob(self, descriptor: object) -> Path:
        """Return the file that *descriptor* names, whose content has that digest."""
        digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise self.wrong(f"a descriptor without a SHA-256 digest: {str(digest)[:80]!r}")
        path = self.directory / "blobs/sha256" / digest.removeprefix("sha256:")
        if not path.is_file():
            raise self.wrong(f"{digest} is missing")
        if f"sha256:{fs.sha256_file(path)}" != digest:
            raise self.wrong(f"{digest} has another content than its digest says")
        return path

    def items(self, value: object, name: str) -> list[Any]:
        """Return *value*, the field *name*, which must be a list."""
        if not isinstance(value, list):
            raise self.wrong(f"{name} is not a list")
        return value

    def texts(self, value: object, name: str) -> list[str]:
        """Return *value*, the field *name*, which must be a list of texts, or nothing."""
        found = self.items(value or [], name)
        if not all(isinstance(item, str) for item in found):
            raise self.wrong(f"{name} is not a list of texts")
        return found

    def fields(self, value: object, name: str) -> dict[str, Any]:
        """Return *value*, the field *name*, which must be an object, or nothing."""
        if not isinstance(value or {}, dict):
            raise self.wrong(f"{name} is not an object")
        return dict(value) if isinstance(value, dict) else {}

    def wrong(self, why: str) -> ImageError:
        """Return the error that says *why* the layout is not as it should be."""
        return ImageError(
            f"{self.directory} is no {self.role}: {why}",
            cause="it is no OCI layout, or was cut, altered, or written by something else than an image builder",
            action="write it again, such as with `skopeo copy --all docker://IMAGE oci:DIR:base`",
        )

    def _object(self, path: Path) -> Mapping[str, Any]:
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_JSON_BYTES + 1)
            described = json.loads(raw) if len(raw) <= _MAX_JSON_BYTES else None
        except (OSError, ValueError, RecursionError) as error:
            raise self.wrong(f"{path.name} cannot be read: {getattr(error, 'strerror', error)}") from error
        if not isinstance(described, dict):
            raise self.wrong(f"{path.name} is not a JSON object of at most {_MAX_JSON_BYTES:,} bytes")
        return described
