"""From finished builds to the images of all variants, baked by buildx and checked before they get their names."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.examine.checks import Expectations
from pipeline.images.bake import archive_name, target_name
from pipeline.images.buildx import Buildx, find_buildx
from pipeline.images.tags import design_tags, version_tags
from pipeline.model.findings import Examined
from pipeline.model.spec.images import Variant
from pipeline.orchestrate.images.contexts import BakePlaces, ImageRequest, bake, check_bases, finished, lay_out_builds
from pipeline.orchestrate.images.layout import require_passed
from pipeline.releasing.builds import FinishedBuild
from pipeline.stages import examine
from pipeline.stages.images import bake_images

BAKE_FILE_NAME = "bake.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakeOrder:
    """Images of all variants, and where they come to lie. Paths are absolute."""

    request: ImageRequest
    dockerfiles_dir: Path
    out_dir: Path
    builder: str | None = None
    """Name of a builder of buildx; None: the one in use."""
    sbom_generator: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakeWay:
    """Where baked images go."""

    layouts: str = ""
    """Directory that gets a layout for each variant."""
    pushed_to: tuple[str, ...] = ()
    """Repositories that get them by digest instead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakedImage:
    """The image of one variant, as an OCI layout in a tar."""

    variant: Variant
    archive: Path
    digest: str
    """Of the index with all platforms and attestations."""
    tags: tuple[str, ...]
    examined: Examined


def bake_all(order: BakeOrder, context: Context) -> tuple[BakedImage, ...]:
    """Bake the image of each variant; all are whole and have passed their checks, or none is there.

    Raises ImageError, VerificationError, and what laying out a build context raises.
    """
    request = order.request
    check_bases(request)
    buildx = find_buildx(context.environ, order.builder)
    builds = finished(request, context)
    with fs.atomic_directory(order.out_dir) as staging:
        digests = bake_with(order, buildx, builds, BakeWay(layouts=str(staging)), context)
        tags = version_tags(builds[0].subject.version, request.published)
        return tuple(
            BakedImage(
                variant=design.variant,
                archive=order.out_dir / archive_name(design),
                digest=digests[design.variant],
                tags=design_tags(design, tags),
                examined=_checked(staging / archive_name(design), order.out_dir / archive_name(design), context),
            )
            for design in request.designs
        )


def bake_with(
    order: BakeOrder, buildx: Buildx, builds: tuple[FinishedBuild, ...], way: BakeWay, context: Context
) -> dict[Variant, str]:
    """Bake the image of each variant and return their digests; raises as bake_all does, but checks nothing."""
    request = order.request
    parent = fs.make_directory(context.cache_dir / "images")
    # Always another directory: builders take files of an equal path, size and time for equal.
    with tempfile.TemporaryDirectory(prefix="context-", dir=parent) as scratch:
        context_dir = lay_out_builds(request, request.designs, builds, Path(scratch) / "context", context)
        places = BakePlaces(
            context=str(context_dir),
            dockerfiles=str(order.dockerfiles_dir),
            layouts=way.layouts,
            pushed_to=way.pushed_to,
            sbom_generator=order.sbom_generator,
        )
        file = Path(scratch) / BAKE_FILE_NAME
        fs.write_text(file, bake(request, places, context))
        digests = bake_images.run(bake_images.BakeInputs(buildx=buildx, file=file, work_dir=Path(scratch)), context)
    return {design.variant: digests[target_name(design)] for design in request.designs}


def _checked(staged: Path, final: Path, context: Context) -> Examined:
    with context.reporter.step(f"verify {final.name}") as step:
        inputs = examine.ExamineInputs(path=staged, shown=str(final), expected=Expectations())
        examined = examine.run(inputs, context)
        step.detail(f"{', '.join(examined.targets)}: {examined.verdict}")
    return require_passed(examined)
