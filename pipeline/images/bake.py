"""Writes the file that ``docker buildx bake`` goes by, as JSON: https://docs.docker.com/build/bake/reference/."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from pipeline.images.design import Design
from pipeline.images.dockerfile import file_name
from pipeline.images.facts import ImageFacts, labels, platform_annotations, platform_of
from pipeline.images.tags import design_tags
from pipeline.model.spec import images as image_spec


@dataclasses.dataclass(frozen=True, kw_only=True)
class BakePlan:
    """What is to be baked. Paths are as bake is to read them."""

    designs: tuple[Design, ...]
    facts: ImageFacts
    tags: tuple[str, ...]
    """Without a variant's suffix."""
    context: str
    dockerfiles: str
    layouts: str
    """Directory that gets an OCI layout, as a tar, for each variant."""
    pushed_to: tuple[str, ...] = ()
    """Repositories that the builder pushes to by digest, without a tag, instead of writing layouts."""
    sbom_generator: str | None = None
    """Image that writes the bill of materials; None: buildx's own choice."""


def bake_file(plan: BakePlan) -> str:
    """Return the text of the file."""
    targets = {target_name(design): _target(plan, design) for design in plan.designs}
    return json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets}, indent=2) + "\n"


def archive_name(design: Design) -> str:
    """Return the name of the file that gets the image, an OCI layout in a tar."""
    return image_spec.archive_name(design.runtime, design.variant)


def target_name(design: Design) -> str:
    """Return what bake calls the image of a design."""
    return image_spec.bake_target_name(design.runtime, design.variant)


def _target(plan: BakePlan, design: Design) -> dict[str, Any]:
    facts = plan.facts
    return {
        "context": plan.context,
        "dockerfile": f"{plan.dockerfiles}/{file_name(design)}",
        "platforms": [platform_of(build) for build in facts.builds],
        "args": {**_base(plan, design), "SOURCE_DATE_EPOCH": str(facts.epoch_s)},
        "tags": [] if plan.pushed_to else _tags(plan, design),
        "labels": labels(design, facts),
        "annotations": list(_annotations(plan, design)),
        "attest": ["type=provenance,mode=max", f"type=sbom{_generator(plan)}"],
        # No rewrite-timestamp: all times in the context are set, and it would pack every layer a second time.
        "output": [_output(plan, design)],
    }


def _tags(plan: BakePlan, design: Design) -> list[str]:
    return [
        f"{repository}:{tag}"
        for repository in design.spec.repositories or (design.runtime,)
        for tag in design_tags(design, plan.tags)
    ]


def _output(plan: BakePlan, design: Design) -> str:
    if not plan.pushed_to:
        return f"type=oci,dest={plan.layouts}/{archive_name(design)}"
    # A line of CSV: https://docs.docker.com/build/exporters/image-registry/.
    return f'type=image,"name={",".join(plan.pushed_to)}",push=true,push-by-digest=true,oci-mediatypes=true'


def _base(plan: BakePlan, design: Design) -> dict[str, str]:
    base, digest = design.spec.base(design.variant), plan.facts.base_digests.get(design.variant)
    return {"BASE": f"{base.partition('@')[0]}@{digest}"} if base and digest else {}


def _annotations(plan: BakePlan, design: Design) -> Iterator[str]:
    for key, value in labels(design, plan.facts).items():
        # `index,manifest:` in one is known to newer versions only; others take it for a part of the key.
        yield f"index:{key}={value}"
        yield f"manifest:{key}={value}"
    for build in plan.facts.builds:
        for key, value in platform_annotations(build.subject, build.record.subject_sha256).items():
            yield f"manifest[{platform_of(build)}]:{key}={value}"


def _generator(plan: BakePlan) -> str:
    return f",generator={plan.sbom_generator}" if plan.sbom_generator else ""
