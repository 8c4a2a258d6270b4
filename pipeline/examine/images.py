"""Reads images as files: OCI image layouts, as directories or tars, and what `docker save` writes.

Formats: https://github.com/opencontainers/image-spec (image-layout.md, image-index.md, manifest.md, layer.md with its
whiteouts) and the ``manifest.json`` of `docker save`. What an image's JSON says is bounded and checked; layers are
applied by name only, nothing is written where they say.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline import fs
from pipeline.errors import ArchiveError, UnknownNameError
from pipeline.examine.trees import Declared, Opened, Tree, is_worth_a_look
from pipeline.model.findings import Finding, Severity
from pipeline.model.images.attestation import is_attestation
from pipeline.model.members import Member
from pipeline.model.target import Target, find_target
from pipeline.packing import tarball
from pipeline.packing.tarball import TarLimits

_MAX_JSON_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 4
_MAX_MANIFESTS = 64
_MAX_LAYERS = 128
_MAX_TOTAL_BYTES = 32 * 1024**3
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"

Files = Mapping[str, Path]
"""Where each file of the layout lies, by its name in it."""


def is_layout(directory: Path) -> bool:
    """Return whether *directory* is an OCI image layout."""
    return (directory / "oci-layout").is_file() and (directory / "index.json").is_file()


def is_layout_listing(members: tuple[Member, ...]) -> bool:
    """Return whether a tar's *members* are an OCI image layout, or what `docker save` writes."""
    names = {_plain(member.name) for member in members}
    return {"oci-layout", "index.json"} <= names or ("manifest.json" in names and _looks_saved(members))


def open_layout(directory: Path, scratch_dir: Path) -> Opened:
    """Return the images of an OCI layout, one tree for each platform.

    Raises ArchiveError when its descriptions or layers cannot be read.
    """
    blobs = directory / "blobs" / "sha256"
    files = {f"blobs/sha256/{path.name}": path for path in blobs.iterdir() if path.is_file()} if blobs.is_dir() else {}
    return _Images({"index.json": directory / "index.json", **files}, scratch_dir).opened()


def open_listing(members: tuple[Member, ...], scratch_dir: Path) -> Opened:
    """Return the images in a tar whose *members* were written out; raises ArchiveError as open_layout does."""
    files = {_plain(member.name): member.path for member in members if member.path is not None}
    images = _Images(files, scratch_dir)
    return images.opened() if "index.json" in files else images.opened_saved()


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix().removeprefix("./")


def _looks_saved(members: tuple[Member, ...]) -> bool:
    for member in members:
        if _plain(member.name) == "manifest.json" and member.path is not None:
            try:
                described = json.loads(member.path.read_bytes()[:_MAX_JSON_BYTES])
            except (ValueError, RecursionError):
                return False
            return isinstance(described, list) and all(isinstance(i, dict) and "Layers" in i for i in described)
    return False


class _Images:
    """The images of one layout; every count and size that it names has a limit."""

    def __init__(self, files: Files, scratch_dir: Path) -> None:
        self._files = files
        self._scratch_dir = scratch_dir
        self._layers_read = 0
        self._bytes_left = _MAX_TOTAL_BYTES
        self._findings: list[Finding] = []

    def opened(self) -> Opened:
        trees = tuple(self._index_trees(self._object("index.json"), depth=0))
        return Opened(kind="oci-layout", trees=trees, findings=tuple(self._findings))

    def opened_saved(self) -> Opened:
        described = self._json("manifest.json")
        trees = []
        for number, image in enumerate(_list(described, "manifest.json")[:_MAX_MANIFESTS]):
            names = [_text(name, "a layer") for name in _list(image.get("Layers"), "Layers")]
            config = self._object(_text(image.get("Config"), "Config"))
            trees.append(self._tree(config, names, label_of(config) or f"image {number}"))
        return Opened(kind="docker-archive", trees=tuple(trees))

    def _index_trees(self, index: Mapping[str, Any], depth: int) -> Iterator[Tree]:
        manifests = _list(index.get("manifests"), "manifests")
        if depth > _MAX_DEPTH or len(manifests) > _MAX_MANIFESTS:
            raise _damaged("its indexes are nested too deeply, or name too many images")
        for descriptor in manifests:
            if is_attestation(descriptor):
                continue  # it holds no programs
            platform = descriptor.get("platform") if isinstance(descriptor, dict) else None
            described = self._described(descriptor)
            if "manifests" in described:
                yield from self._index_trees(described, depth + 1)
            elif "layers" in described:
                yield self._image(described, platform)

    def _image(self, manifest: Mapping[str, Any], platform: object) -> Tree:
        layers = [self._blob_name(descriptor) for descriptor in _list(manifest["layers"], "layers")]
        config = self._described(manifest.get("config"))
        said = platform if isinstance(platform, dict) else config
        return self._tree(said, layers, label_of(said) or label_of(config))

    def _tree(self, platform: Mapping[str, Any], layers: list[str], label: str) -> Tree:
        if len(layers) > _MAX_LAYERS:
            raise _damaged(f"an image of {len(layers)} layers")
        files: dict[str, Member] = {}
        for name in layers:
            apply_layer(files, self._layer(name))
        declared = Declared(target=_target(platform), source="the image's platform")
        return Tree(label=label, members=tuple(files.values()), declared=declared, is_root=True)

    def _layer(self, name: str) -> tuple[Member, ...]:
        path = self._file(name)
        self._layers_read += 1
        if self._layers_read > _MAX_MANIFESTS * 8:
            raise _damaged("its images have too many layers in all")
        place = self._scratch_dir / f"layer-{self._layers_read}"
        place.mkdir()
        members = tarball.spill_tar(path, place, is_worth_a_look, TarLimits(total_bytes=self._bytes_left))
        self._bytes_left -= sum(member.size_bytes for member in members)
        return members

    def _described(self, descriptor: object) -> Mapping[str, Any]:
        return self._object(self._blob_name(descriptor))

    def _object(self, name: str) -> Mapping[str, Any]:
        described = self._json(name)
        if not isinstance(described, dict):
            raise _damaged(f"{name} is not a JSON object")
        return described

    def _blob_name(self, descriptor: object) -> str:
        """Return the file of a descriptor; a content that is not what the digest says becomes a finding."""
        digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise _damaged(f"a descriptor without a SHA-256 digest: {str(digest)[:80]!r}")
        name = f"blobs/sha256/{digest.removeprefix('sha256:')}"
        if f"sha256:{fs.sha256_file(self._file(name))}" != digest:
            self._findings.append(
                Finding(
                    id="oci.digest",
                    severity=Severity.FAIL,
                    subject=name,
                    message="has another content than its digest says",
                )
            )
        return name

    def _file(self, name: str) -> Path:
        path = self._files.get(_plain(name))
        if path is None:
            raise _damaged(f"{name[:200]} is missing")
        return path

    def _json(self, name: str) -> Any:  # noqa: ANN401 - whatever the file holds
        path = self._file(name)
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise _damaged(f"{name} is larger than {_MAX_JSON_BYTES} bytes")
        try:
            return json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise _damaged(f"{name} is not JSON: {error}") from error


def apply_layer(files: dict[str, Member], layer: tuple[Member, ...]) -> None:
    """Put a layer over the *files* below it."""
    for member in layer:
        path = PurePosixPath(_plain(member.name))
        if path.name == _OPAQUE:
            _remove(files, path.parent.as_posix(), itself=False)
        elif path.name.startswith(_WHITEOUT):
            _remove(files, (path.parent / path.name.removeprefix(_WHITEOUT)).as_posix(), itself=True)
    for member in layer:
        name = _plain(member.name)
        if not PurePosixPath(name).name.startswith(_WHITEOUT):
            files[name] = dataclasses.replace(member, name=name)


def _remove(files: dict[str, Member], name: str, *, itself: bool) -> None:
    prefix = "" if name == "." else f"{name}/"
    for known in [known for known in files if known.startswith(prefix) or (itself and known == name)]:
        del files[known]


def label_of(platform: Mapping[str, Any]) -> str:
    """Return a platform as ``linux/arm64``, empty when it is none."""
    parts = [platform.get("os"), platform.get("architecture"), platform.get("variant")]
    return "/".join(part[:40] for part in parts if isinstance(part, str) and part)


def _target(platform: Mapping[str, Any]) -> Target | None:
    label = label_of(platform)
    for name in (label, label.removesuffix("/v8")):
        try:
            return find_target(name)
        except UnknownNameError:
            continue
    return None


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _damaged(f"{name} is not a list")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _damaged(f"{name} is not a text")
    return value


def _damaged(why: str) -> ArchiveError:
    return ArchiveError(
        f"the image cannot be read: {why}",
        cause="it was cut, altered, or written by something else than an image builder",
        action="save or build it again",
    )
