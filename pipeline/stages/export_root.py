"""Write a root as a tar file or as an OCI layout, to be entered in a container without rights."""

from __future__ import annotations

import dataclasses
import platform
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.images.oci import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, LayoutWriter
from pipeline.model.target import target_of_machine
from pipeline.packing.layer_tar import write_layer
from pipeline.rootfs.export import entrypoint, environment, members
from pipeline.rootfs.store import Exported
from pipeline.rootfs.use import shell_of

_TAG = "root"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportInputs:
    """A root, and where it is to be written."""

    exported: Exported
    destination: Path
    """``.tar``, ``.tar.gz`` or ``.tar.zst``; anything else is a directory that becomes an OCI layout."""
    epoch_s: int = 0


def run(inputs: ExportInputs, context: Context) -> str:
    """Write the file or the layout; return the digest of the file, or of the layout's image.

    Equal roots give equal bytes. Raises ProcessFailedError, DiskFullError, NotWritableError.
    """
    destination = inputs.destination
    with context.reporter.step("export the root") as step:
        if ".tar" in destination.suffixes:
            write_layer(destination, members(inputs.exported, context), mtime_s=inputs.epoch_s)
            digest = fs.sha256_file(destination)
            step.detail(f"{destination.stat().st_size / 1e6:.0f} MB")
        else:
            with fs.atomic_directory(destination) as directory:
                digest = _layout(inputs, directory, context)
            step.detail(digest)
    return digest


def _layout(inputs: ExportInputs, directory: Path, context: Context) -> str:
    writer = LayoutWriter(directory)
    with tempfile.TemporaryDirectory(prefix=".layer-", dir=directory) as scratch:
        plain, packed = Path(scratch) / "layer.tar", Path(scratch) / "layer.tar.gz"
        for path in (plain, packed):
            write_layer(path, members(inputs.exported, context), mtime_s=inputs.epoch_s)
        diff_id = f"sha256:{fs.sha256_file(plain)}"
        layer = writer.add_file(packed, LAYER_TYPE)
    image = writer.add_json(_index(inputs, writer, layer, diff_id), INDEX_TYPE)
    name = f"docker.io/library/{_TAG}-{inputs.exported.root.request.target.name}:latest"
    writer.finish(image, _TAG, loaded_as=name)
    return image.digest


def _index(inputs: ExportInputs, writer: LayoutWriter, layer: Descriptor, diff_id: str) -> dict[str, object]:
    target = target_of_machine(platform.machine())
    system, architecture, *_variant = (target.oci_platform if target else "linux/amd64").split("/")
    env = environment(inputs.exported)
    config = {
        "os": system,
        "architecture": architecture,
        "config": {
            "Env": [f"{name}={value}" for name, value in env.items()],
            "Entrypoint": list(entrypoint(inputs.exported)),
            "Cmd": [shell_of(inputs.exported.root.rootfs)],
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    described = writer.add_json(config, CONFIG_TYPE)
    manifest = writer.add_json(
        {
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described.to_json(), "layers": [layer.to_json()],
        },
        MANIFEST_TYPE,
    )  # fmt: skip
    return {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [manifest.to_json(platform={"os": system, "architecture": architecture})],
    }
