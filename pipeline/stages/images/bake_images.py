"""Bake images: buildx copies what is in the context, for all variants and platforms, and attests what it did."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.images.buildx import Buildx


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakeInputs:
    """What is baked, and by what."""

    buildx: Buildx
    file: Path
    """What bake goes by; its paths are absolute."""
    work_dir: Path


def run(inputs: BakeInputs, context: Context) -> Mapping[str, str]:
    """Return the digest of each target's image; raises ImageError."""
    with context.reporter.step("bake images") as step:
        metadata = inputs.work_dir / "metadata.json"
        digests = inputs.buildx.bake(inputs.file, metadata, cwd=inputs.work_dir, on_line=context.reporter.output)
        step.detail(f"{len(digests)} variants")
    return digests
