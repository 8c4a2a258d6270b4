"""Images as OCI layouts, read by the tests' own eyes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from pipeline.images.bases import platform_name

ATTESTATION_KEY = "vnd.docker.reference.type"
PREDICATE_KEY = "in-toto.io/predicate-type"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """What lies at one path of an image."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    content: str
    """Digest of a file; where a link leads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """An unpacked OCI layout of one image."""

    directory: Path

    def document(self, descriptor: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.blob(descriptor).read_bytes())
        return found

    def blob(self, descriptor: dict[str, Any]) -> Path:
        digest: str = descriptor["digest"]
        return self.directory / "blobs/sha256" / digest.removeprefix("sha256:")

    def index(self) -> dict[str, Any]:
        described = json.loads((self.directory / "index.json").read_text())
        tops = {top["digest"]: top for top in described["manifests"]}
        (top,) = tops.values()
        return self.document(top)

    def platforms(self) -> dict[str, dict[str, Any]]:
        """Return the descriptor of each platform's manifest."""
        found = [item for item in self.index()["manifests"] if ATTESTATION_KEY not in item.get("annotations", {})]
        return {platform_name(item["platform"]): item for item in found}

    def manifest(self, platform: str) -> dict[str, Any]:
        return self.document(self.platforms()[platform])

    def config(self, platform: str) -> dict[str, Any]:
        return self.document(self.manifest(platform)["config"])

    def statements(self, platform: str) -> list[dict[str, Any]]:
        """Return what is attested about one platform."""
        about = self.platforms()[platform]["digest"]
        found = [
            item for item in self.index()["manifests"]
            if item.get("annotations", {}).get("vnd.docker.reference.digest") == about
        ]  # fmt: skip
        return [self.document(layer) for item in found for layer in self.document(item)["layers"]]

    def size_bytes(self, platform: str) -> int:
        return sum(layer["size"] for layer in self.manifest(platform)["layers"])

    def files(self, platform: str) -> dict[str, Entry]:
        """Return what the layers make together."""
        entries: dict[str, Entry] = {}
        for layer in self.manifest(platform)["layers"]:
            with tarfile.open(self.blob(layer)) as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.isreg() else None
                    content = hashlib.sha256(file.read()).hexdigest() if file else member.linkname
                    entries[member.name.rstrip("/")] = Entry(
                        kind=member.type, mode=member.mode, owner=(member.uid, member.gid), content=content
                    )
        return entries


def unpacked_layout(archive: Path, directory: Path) -> Layout:
    with tarfile.open(archive) as stream:
        stream.extractall(directory, filter="data")
    return Layout(directory=directory)
