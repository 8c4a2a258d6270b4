"""Write an image as an OCI layout, without an engine: equal inputs give equal bytes."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.images.base_layout import USER_FILES, BaseImage, BaseLayout, base_image, with_user
from pipeline.images.design import FILE_TIME_S, SEARCH_PATH, Design
from pipeline.images.facts import ImageFacts, labels, platform_annotations
from pipeline.images.layers import Layer, layers
from pipeline.images.oci import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, LayoutWriter
from pipeline.model.target import Target, find_target
from pipeline.packing.layer_tar import write_layer
from pipeline.releasing.builds import FinishedBuild


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteInputs:
    """One image for several platforms, and where its layout comes to lie."""

    design: Design
    facts: ImageFacts
    tag: str
    """What the image is called in the layout."""
    context_dir: Path
    """Build context, laid out before."""
    base: BaseLayout | None
    """None for a variant without a base."""
    layout_dir: Path
    """An empty directory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """A layer, and the digest of its tar."""

    descriptor: Descriptor
    diff_id: str
    title: str


def run(inputs: WriteInputs, context: Context) -> str:
    """Write the layout and return the digest of the image's index.

    Raises ImageError for a variant without its base, or a base that does not fit; ArchiveError, DiskFullError.
    """
    check_base(inputs.design, inputs.base)
    title = f"image {inputs.design.runtime}:{inputs.tag}"
    with context.reporter.step(title) as step, fs.explained(inputs.layout_dir):
        writer = LayoutWriter(inputs.layout_dir)
        manifests = [_manifest(inputs, build, writer) for build in inputs.facts.builds]
        image = writer.add_json(
            {
                "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests,
                "annotations": labels(inputs.design, inputs.facts),
            },
            INDEX_TYPE,
        )  # fmt: skip
        writer.finish(image, inputs.tag)
        step.detail(f"{len(manifests)} platforms, {image.digest}")
    return image.digest


def check_base(design: Design, base: BaseLayout | None) -> None:
    """See that a variant has a base if it begins with one; raises ImageError."""
    if design.has_base != (base is not None):
        raise _base_error(design)


def _manifest(inputs: WriteInputs, build: FinishedBuild, writer: LayoutWriter) -> dict[str, object]:
    """Write the image of one platform; return its manifest's entry in the index."""
    design, target = inputs.design, find_target(build.subject.target)
    base = base_image(inputs.base, target.oci_platform) if inputs.base else BaseImage()
    lines = dict(zip(USER_FILES, (design.passwd_line, design.group_line), strict=True))
    users = with_user(base, lines) if inputs.base else {}
    made = layers(design, inputs.context_dir, target, users)
    parts = tuple(_part(inputs, writer, layer) for layer in made)
    config = writer.add_json(_config(inputs, base, target, parts), CONFIG_TYPE)
    below = [writer.add_file(layer.path, layer.media_type, keep=True).to_json() for layer in base.layers]
    said = platform_annotations(build.subject, build.record.subject_sha256)
    manifest = writer.add_json(
        {
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config.to_json(),
            "layers": [*below, *(part.descriptor.to_json() for part in parts)],
            "annotations": {**labels(design, inputs.facts), **said},
        },
        MANIFEST_TYPE,
    )  # fmt: skip
    return manifest.to_json(platform=_platform(target))


def _part(inputs: WriteInputs, writer: LayoutWriter, layer: Layer) -> _Part:
    """Pack a layer; its tar is written first, because the digests of both are wanted."""
    with tempfile.TemporaryDirectory(prefix=".layer-", dir=inputs.layout_dir) as scratch:
        paths = [Path(scratch) / name for name in ("layer.tar", "layer.tar.gz")]
        for path in paths:
            write_layer(path, layer.members, mtime_s=FILE_TIME_S)
        diff_id = f"sha256:{fs.sha256_file(paths[0])}"
        return _Part(descriptor=writer.add_file(paths[1], LAYER_TYPE), diff_id=diff_id, title=layer.title)


def _config(inputs: WriteInputs, base: BaseImage, target: Target, parts: tuple[_Part, ...]) -> dict[str, object]:
    created = datetime.fromtimestamp(inputs.facts.epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = [
        {"created": created, "created_by": f"snapstitch: {part.title} of {inputs.design.runtime}"} for part in parts
    ]
    return {
        **_platform(target),
        "created": created,
        "config": _settings(inputs, base.settings),
        "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, *(part.diff_id for part in parts)]},
        "history": [*base.history, *history],
    }


def _settings(inputs: WriteInputs, below: Mapping[str, Any]) -> dict[str, object]:
    design = inputs.design
    # https://github.com/opencontainers/image-spec/blob/main/config.md: a list of NAME=VALUE.
    inherited = below.get("Env") or [f"PATH={SEARCH_PATH}"]
    env = dict(item.partition("=")[::2] for item in inherited if isinstance(item, str)) | design.spec.env
    settings: dict[str, object] = {
        **below,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(design.entrypoint),
        "Cmd": list(design.spec.command),
        "Labels": {**_texts(below.get("Labels")), **labels(design, inputs.facts)},
    }
    if design.spec.run_as_user:
        settings["User"] = f"{design.spec.user_id}:{design.spec.user_id}"
    return settings


def _texts(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in items if isinstance(name, str) and isinstance(text, str)}


def _platform(target: Target) -> dict[str, object]:
    names = ("os", "architecture", "variant")
    return dict(zip(names, target.oci_platform.split("/"), strict=False))


def _base_error(design: Design) -> ImageError:
    if design.has_base:
        return ImageError(
            f"the variant {design.variant} of {design.runtime} needs a base",
            cause=f"its images begin with {design.spec.base(design.variant)}, which is in a registry",
            action="give an OCI layout of it with --base-layout, or write the variant scratch",
        )
    return ImageError(
        f"the variant {design.variant} of {design.runtime} has no base",
        cause="that is what it means",
        action="leave --base-layout out, or choose another --variant",
    )
