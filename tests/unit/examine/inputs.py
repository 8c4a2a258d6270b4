"""Things to examine, made for the tests: programs, packages and images."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.model.target import Target, find_target
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.v8.blobs import BlobSpec, blob, code_objects, code_table, noise

VERSION = "14.5.201.2-rusty"


def sizes_for(target: Target) -> tuple[int, ...]:
    """Sizes of builtins, other ones for each target."""
    return tuple(random.Random(target.elf_machine).choices(range(4, 30_000, 4), k=400))


def snapshot(target: Target, *, contexts: int = 3, version: str = VERSION) -> bytes:
    startup = code_objects(sizes_for(target)) + noise(contexts, 900)
    return blob(BlobSpec(layout="new", version=version, contexts=contexts, startup=startup))


def magic_in_code() -> bytes:
    """What x86-64 code that compares with the snapshots' magic number has of it."""
    return BlobSpec().magic.to_bytes(4, "little")


def program(name: str, *, snapshot_of: str | None = None, spec: ElfSpec | None = None) -> bytes:
    """A program for the target *name* that embeds V8, with a snapshot made for *snapshot_of*."""
    target = find_target(name)
    content = (
        b"\0" + VERSION.encode() + b"\0" + magic_in_code() + code_table(sizes_for(target))
        + snapshot(target, contexts=1) + noise(5, 64)
        + snapshot(find_target(snapshot_of or name))
    )  # fmt: skip
    base = spec or ElfSpec(target=target, interpreter=target.interpreter)
    return elf_file(ElfSpec(**{**vars(base), "payload": content}))


def write_tree(directory: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def tar_bytes(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, destination in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, destination
            archive.addfile(info)
    return packed.getvalue()


class Layout:
    """An OCI image layout that grows image by image."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifests: list[dict[str, object]] = []
        (directory / "blobs/sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.write_index()

    def add_blob(self, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (self.directory / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content), "mediaType": "x"}

    def add_json(self, value: object) -> dict[str, object]:
        return self.add_blob(json.dumps(value).encode())

    def add_image(self, platform: dict[str, str], *layers: bytes) -> None:
        config = self.add_json(platform)
        manifest = {"schemaVersion": 2, "config": config, "layers": [self.add_blob(layer) for layer in layers]}
        self.manifests.append(self.add_json(manifest) | {"platform": platform})
        self.write_index()

    def write_index(self) -> None:
        (self.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))
