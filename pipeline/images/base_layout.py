"""A base image in an OCI layout: its layers and settings for one platform, and its users."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import ImageError
from pipeline.images.bases import BaseIndex, check_platforms, platform_name
from pipeline.images.oci import LAYER_TYPE, LayoutReader
from pipeline.model.images.attestation import is_attestation
from pipeline.packing import tarball

USER_FILES = ("etc/passwd", "etc/group")

_MAX_DEPTH = 4
_MAX_LAYERS = 120
_MAX_USER_FILE_BYTES = 1024 * 1024
# Docker's names of types mean the same as those of OCI:
# https://github.com/opencontainers/image-spec/blob/main/media-types.md#compatibility-matrix
_LAYER_TYPES = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
    LAYER_TYPE: LAYER_TYPE,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseLayer:
    """A layer of a base, in the layout that it comes from."""

    path: Path
    media_type: str
    """As OCI calls it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseImage:
    """What an image for one platform begins with."""

    layers: tuple[BaseLayer, ...] = ()
    diff_ids: tuple[str, ...] = ()
    """Digests of the layers' tars, unpacked."""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The configuration's ``config``: variables, user and the like."""
    history: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseLayout:
    """All images of a base."""

    reader: LayoutReader
    manifests: Mapping[str, Any]
    """Descriptor of each platform's manifest."""
    digest: str | None
    """Of the index (or of the only manifest) that the layout is about; None: of several."""

    @property
    def index(self) -> BaseIndex:
        """Return the base as an index would describe it."""
        name = str(self.reader.directory)
        return BaseIndex(name=name, digest=self.digest or "", platforms=tuple(sorted(self.manifests)))


def open_base(directory: Path) -> BaseLayout:
    """Return the images in the OCI layout *directory*; raises ImageError when it is none."""
    reader = LayoutReader(directory=directory)
    index = reader.index()
    top = reader.items(index.get("manifests"), "manifests")
    digest = top[0].get("digest") if len(top) == 1 and isinstance(top[0], dict) else None
    return BaseLayout(reader=reader, manifests=dict(_manifests(reader, index, depth=0)), digest=digest)


def base_image(base: BaseLayout, platform: str) -> BaseImage:
    """Return what the base has for *platform*; raises ImageError where it has nothing."""
    check_platforms(base.index, [platform])
    reader = base.reader
    manifest = reader.document(base.manifests[platform])
    config = reader.document(manifest.get("config"))
    descriptors = reader.items(manifest.get("layers"), "layers")
    diff_ids = reader.texts(reader.fields(config.get("rootfs"), "rootfs").get("diff_ids"), "diff_ids")
    if len(descriptors) != len(diff_ids) or len(descriptors) > _MAX_LAYERS:
        raise reader.wrong(f"an image of {len(descriptors)} layers and {len(diff_ids)} digests of theirs")
    return BaseImage(
        layers=tuple(_layer(reader, descriptor) for descriptor in descriptors),
        diff_ids=tuple(diff_ids),
        settings=reader.fields(config.get("config"), "config"),
        history=tuple(reader.items(config.get("history") or [], "history")),
    )


def with_user(image: BaseImage, lines: Mapping[str, str]) -> dict[str, bytes]:
    """Return the base's files of users and groups, each with a line more; *lines* are by the names of the files.

    Raises ImageError where a name or a number is somebody's already, ArchiveError for a layer that is damaged.
    """
    found = _user_files(image)
    return {name: _with_line(name, found.get(name, b""), line) for name, line in lines.items()}


def _manifests(reader: LayoutReader, index: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _MAX_DEPTH:
        raise reader.wrong("its indexes are nested too deeply")
    for descriptor in reader.items(index.get("manifests"), "manifests"):
        if is_attestation(descriptor):
            continue
        document = reader.document(descriptor)
        if "manifests" in document:
            yield from _manifests(reader, document, depth + 1)
        elif "layers" in document:
            platform = descriptor.get("platform")
            said = platform if isinstance(platform, dict) else reader.document(document.get("config"))
            yield platform_name(said), descriptor


def _layer(reader: LayoutReader, descriptor: Any) -> BaseLayer:  # noqa: ANN401 - whatever the file holds
    path = reader.blob(descriptor)
    media_type = descriptor.get("mediaType")
    if media_type not in _LAYER_TYPES:
        raise reader.wrong(f"a layer of type {str(media_type)[:80]!r}")
    return BaseLayer(path=path, media_type=_LAYER_TYPES[media_type])


def _user_files(image: BaseImage) -> dict[str, bytes]:
    """Return the files of users as the uppermost layer that has them leaves them."""
    found: dict[str, bytes] = {}
    for layer in image.layers:
        with tempfile.TemporaryDirectory(prefix="snapstitch-") as scratch:
            for member in tarball.spill_tar(layer.path, Path(scratch), _is_user_file):
                name = PurePosixPath(member.name).as_posix().lstrip("/")
                if member.path is not None:
                    found[name] = member.path.read_bytes()
                elif (hidden := name.replace("/.wh.", "/", 1)) != name:
                    found.pop(hidden, None)
    return found


def _is_user_file(name: str, size_bytes: int, _head: bytes) -> bool:
    return PurePosixPath(name).as_posix().lstrip("/") in USER_FILES and size_bytes <= _MAX_USER_FILE_BYTES


def _with_line(name: str, content: bytes, line: str) -> bytes:
    user, _password, number = line.split(":")[:3]
    for known in content.decode("utf-8", "replace").splitlines():
        fields = known.split(":")
        if len(fields) > 2 and (fields[0] == user or fields[2] == number):
            raise ImageError(
                f"the base's /{name} has {fields[0]!r} with the number {fields[2]} already",
                cause=f"the image is to have {user!r} with the number {number}",
                action="choose another `user` or `user-id` in releases.toml",
            )
    end = b"\n" if content and not content.endswith(b"\n") else b""
    return content + end + line.encode() + b"\n"
