"""From finished builds to an image on disk, checked before it gets its name."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError, UsageError, VerificationError
from pipeline.examine.checks import Expectations
from pipeline.images.base_layout import BaseLayout, open_base
from pipeline.images.bases import platform_name
from pipeline.images.design import platforms
from pipeline.images.tags import design_tags, version_tags
from pipeline.model.findings import Examined, failed
from pipeline.model.images.reference import ImageReference
from pipeline.model.spec.images import Variant
from pipeline.oci_registry.pull import pull
from pipeline.orchestrate.images.contexts import ImageRequest, finished, image_facts, lay_out_builds
from pipeline.stages import examine
from pipeline.stages.images import write_image


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayoutOrder:
    """One variant of the images, and where it comes to lie. Paths are absolute."""

    request: ImageRequest
    variant: Variant
    layout_dir: Path
    base: Path | ImageReference | None = None
    """The base: an OCI layout, or an image in a registry."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WrittenImage:
    """An image that lies ready."""

    layout_dir: Path
    digest: str
    """Of the index with all platforms."""
    tags: tuple[str, ...]
    """All that it should get, the most exact first; in the layout it has the first."""
    examined: Examined


def write_layout(order: LayoutOrder, context: Context) -> WrittenImage:
    """Write the image as an OCI layout, which is whole and has passed its checks, or is not there.

    Raises ImageError, VerificationError, RegistryError, NetworkError, and what laying out a build context raises.
    """
    request = order.request
    design = next((item for item in request.designs if item.variant == order.variant), None)
    if design is None:
        raise _no_variant(order)
    parent = fs.make_directory(context.cache_dir / "images")
    with tempfile.TemporaryDirectory(prefix="context-", dir=parent) as scratch:
        base = _open_base(order, Path(scratch) / "base", context)
        write_image.check_base(design, base)
        builds = finished(request, context)
        facts = image_facts(request, builds)
        if base and base.digest:
            facts = dataclasses.replace(facts, base_digests={**facts.base_digests, design.variant: base.digest})
        tags = design_tags(design, version_tags(facts.version, request.published))
        context_dir = lay_out_builds(request, (design,), builds, Path(scratch) / "context", context)
        with fs.atomic_directory(order.layout_dir) as staging:
            digest = write_image.run(
                write_image.WriteInputs(
                    design=design, facts=facts, tag=tags[0], context_dir=context_dir, base=base, layout_dir=staging
                ),
                context,
            )
            examined = _checked(staging, order.layout_dir, context)
    return WrittenImage(layout_dir=order.layout_dir, digest=digest, tags=tags, examined=examined)


def _open_base(order: LayoutOrder, place: Path, context: Context) -> BaseLayout | None:
    """Return the base; one in a registry is fetched to *place*, for the platforms that are wanted."""
    if not isinstance(order.base, ImageReference):
        return open_base(order.base) if order.base else None
    if context.offline:
        raise NetworkError(
            f"{order.base} cannot be fetched with --offline",
            cause="--offline was given",
            action="give --base-layout an OCI layout on disk, or leave --offline out",
        )
    wanted = frozenset(platforms(item.target for item in order.request.request.targets))
    with context.reporter.step(f"pull {order.base}"):
        pull(
            order.base, fs.make_directory(place), context.environ, context.reporter,
            is_wanted=lambda platform: platform_name(platform) in wanted,
        )  # fmt: skip
    return open_base(place)


def _checked(staging: Path, final: Path, context: Context) -> Examined:
    """Read the layout back as `verify` does; raises VerificationError when a check fails."""
    with context.reporter.step("verify the image") as step:
        inputs = examine.ExamineInputs(path=staging, shown=str(final), expected=Expectations())
        examined = examine.run(inputs, context)
        step.detail(f"{', '.join(examined.targets)}: {examined.verdict}")
    return require_passed(examined)


def require_passed(examined: Examined) -> Examined:
    """Return what was found out about an image, which is in order; raises VerificationError when it is not."""
    if wrong := failed(examined.findings):
        raise VerificationError(
            f"{len(wrong)} checks of the image failed",
            cause="a program in it is for another platform, or lacks a library that the base does not have",
            action="see docs/verify.md for each check; the image was not kept",
            details="\n".join(f"{finding.id}: {finding.where}: {finding.message}" for finding in wrong),
        )
    return examined


def _no_variant(order: LayoutOrder) -> UsageError:
    known = ", ".join(order.request.spec.variants)
    return UsageError(
        f"images of {order.request.runtime_name} have no variant {order.variant!r}",
        cause=f"releases.toml gives them these: {known}",
        action="choose one of them with --variant",
    )
