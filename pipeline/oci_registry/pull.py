"""Fetches an image, with all its platforms, into an OCI layout on disk; what describes it only is left out."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import fs
from pipeline.errors import RegistryError
from pipeline.model.events import Reporter
from pipeline.model.images.attestation import is_attestation
from pipeline.model.images.reference import ImageReference
from pipeline.oci_registry.client import MANIFEST_TYPES, Manifest, Registry

MAX_TOTAL_BYTES = 32 * 1024**3
_MAX_MANIFESTS = 64
_MAX_LAYERS = 128
_MAX_DEPTH = 4
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pull(
    reference: ImageReference,
    layout_dir: Path,
    environ: Mapping[str, str],
    reporter: Reporter,
    *,
    is_wanted: Callable[[Mapping[str, Any]], bool] = lambda _platform: True,
) -> str:
    """Write the image to the empty directory *layout_dir* and return its digest.

    *is_wanted* is asked about each platform that an index names; of others there will be manifests only.

    Raises RegistryError, NetworkError, IntegrityError, DiskFullError.
    """
    with Registry(reference.repository, environ) as registry, fs.explained(layout_dir):
        if registry.manifest(reference.repository.path, reference.version) is None:
            raise RegistryError(
                f"there is no image {reference}",
                cause="a misspelt name or tag, or a repository that only some may see",
                action="list the tags of the repository, or log in",
            )
        return Pulling(registry, reference.repository.path, layout_dir, reporter, is_wanted).run(reference.version)


class Pulling:
    """One image on its way; every count and size that the registry names has a limit."""

    def __init__(
        self,
        registry: Registry,
        path: str,
        layout_dir: Path,
        reporter: Reporter,
        is_wanted: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        """Fetch from the repository *path* to *layout_dir* what is for platforms that are wanted."""
        self._is_wanted = is_wanted
        self._registry, self._path, self._reporter = registry, path, reporter
        self._layout_dir = layout_dir
        self._blobs = fs.make_directory(layout_dir / "blobs" / "sha256")
        self._manifests_left = _MAX_MANIFESTS
        self._bytes_left = MAX_TOTAL_BYTES

    def run(self, version: str) -> str:
        """Fetch the image with the tag or digest *version* and return its digest."""
        top = self._manifest(version)
        layers = {str(blob["digest"]): blob for blob in self._layers(top, depth=0)}
        sizes = [self._size(blob) for blob in layers.values()]
        with self._reporter.progress(f"pull {self._path}", total=sum(sizes)) as progress:
            for digest, size_bytes in zip(layers, sizes, strict=True):
                with (self._blobs / digest[7:]).open("wb") as sink:
                    self._registry.save_blob(self._path, digest, size_bytes, sink)
                progress.advance(size_bytes)
        entry = {"mediaType": top.media_type, "digest": top.digest, "size": len(top.content)}
        (self._layout_dir / "oci-layout").write_text(fs.canonical_json({"imageLayoutVersion": "1.0.0"}))
        index = {"schemaVersion": 2, "mediaType": MANIFEST_TYPES[0], "manifests": [entry]}
        (self._layout_dir / "index.json").write_text(fs.canonical_json(index))
        return top.digest

    def _layers(self, manifest: Manifest, depth: int) -> Iterator[Mapping[str, Any]]:
        """Yield every descriptor of a configuration or a layer."""
        described = self._object(manifest)
        if depth > _MAX_DEPTH:
            raise self._registry.wrong("its indexes are nested too deeply")
        if isinstance(children := described.get("manifests"), list):
            for child in children:
                if is_attestation(child):
                    continue
                platform = child.get("platform") if isinstance(child, dict) else None
                manifest = self._manifest(self._digest(child))
                if not isinstance(platform, dict) or self._is_wanted(platform):
                    yield from self._layers(manifest, depth + 1)
        elif isinstance(layers := described.get("layers"), list) and len(layers) <= _MAX_LAYERS:
            for blob in (described.get("config"), *layers):
                self._digest(blob)
                yield blob
        else:
            raise self._registry.wrong(f"{manifest.digest} is no image manifest ({manifest.media_type[:80]})")

    def _manifest(self, version: str) -> Manifest:
        self._manifests_left -= 1
        if self._manifests_left < 0:
            raise self._registry.wrong(f"an image with more than {_MAX_MANIFESTS} manifests")
        found = self._registry.manifest(self._path, version)
        if found is None:
            raise self._registry.wrong(f"it has no {self._path}:{version}")
        (self._blobs / found.digest[7:]).write_bytes(found.content)
        return found

    def _object(self, manifest: Manifest) -> Mapping[str, Any]:
        with contextlib.suppress(ValueError, RecursionError):
            if isinstance(found := json.loads(manifest.content), dict):
                return found
        raise self._registry.wrong(f"{manifest.digest} is no JSON object")

    def _digest(self, descriptor: object) -> str:
        digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise self._registry.wrong(f"a descriptor without a SHA-256 digest: {str(digest)[:80]!r}")
        return digest

    def _size(self, descriptor: Mapping[str, Any]) -> int:
        size_bytes = descriptor.get("size")
        if not isinstance(size_bytes, int) or not 0 <= size_bytes <= self._bytes_left:
            raise self._registry.wrong(f"a blob of {str(size_bytes)[:40]} bytes")
        self._bytes_left -= size_bytes
        return size_bytes
