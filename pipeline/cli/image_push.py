"""``image --push`` and ``--publish``: images to registries."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.cli.settings import Session
from pipeline.errors import UsageError
from pipeline.model.images.reference import Repository, parse_repository
from pipeline.model.spec.images import VARIANTS, Variant
from pipeline.orchestrate.images.baking import BakeOrder
from pipeline.orchestrate.images.contexts import ImageRequest
from pipeline.orchestrate.images.publishing import PublishOrder, publish_images
from pipeline.orchestrate.images.push import PushOrder, push_images
from pipeline.orchestrate.images.tagging import PushResult
from pipeline.stages.images.push_image import Pushed


def push(session: Session, request: ImageRequest, layouts: tuple[str, ...], repositories: tuple[str, ...]) -> None:
    """Push *layouts* (``VARIANT=PATH``) to *repositories*, or to those that releases.toml names."""
    order = PushOrder(
        request=request,
        layouts=tuple(map(_layout, layouts)),
        repositories=_repositories(request, repositories),
    )
    if len({variant for variant, _path in order.layouts}) != len(order.layouts):
        raise _unclear("a variant is given twice")
    started = time.monotonic()
    _show(session, started, push_images(order, session.context))


def publish(session: Session, bake: BakeOrder, repositories: tuple[str, ...], *, by_layout: bool) -> None:
    """Bake images and bring them to *repositories*, or to those that releases.toml names."""
    order = PublishOrder(bake=bake, repositories=_repositories(bake.request, repositories), by_layout=by_layout)
    started = time.monotonic()
    _show(session, started, publish_images(order, session.context))


def _show(session: Session, started_s: float, result: PushResult) -> None:
    session.result(_as_json(result, time.monotonic() - started_s), _as_text(result))


def _repositories(request: ImageRequest, given: tuple[str, ...]) -> tuple[Repository, ...]:
    if named := given or request.spec.repositories:
        return tuple(dict.fromkeys(map(parse_repository, named)))
    raise UsageError(
        "to which repository are the images to be pushed?",
        cause=f"releases.toml names no repositories of {request.runtime_name}, and --repository was not given",
        action="give --repository HOST/NAME, or set `repositories` in [runtimes.NAME.image]",
    )


def _layout(text: str) -> tuple[Variant, Path]:
    name, _equals, path = text.partition("=")
    if name not in VARIANTS or not path:
        raise _unclear(f"--push {text}")
    place = (Path.cwd() / path).absolute()
    if not place.exists():
        raise UsageError(
            f"{place} does not exist",
            cause="a misspelt path, or nothing was written there yet",
            action="write an image with --layout, or with `docker buildx bake`",
        )
    return name, place


def _unclear(what: str) -> UsageError:
    return UsageError(
        f"{what}: which image is to be pushed?",
        cause="it is a variant and its OCI layout, a directory or a tar",
        action="such as --push scratch=image/app",
    )


def _as_json(result: PushResult, duration_s: float) -> dict[str, object]:
    return {
        "schema": 1,
        "images": [
            {
                "repository": str(item.repository), "variant": item.variant, "digest": item.image.digest,
                "platforms": dict(item.platforms), **_taken(item.pushed), "checks": len(item.findings),
                "canaries": sum(finding.id == "canary" for finding in item.findings),
            }
            for item in result.images
        ],
        "tags": [move.model_dump(mode="json", exclude={"moved"}) for move in result.journal.moves],
        "journal": str(result.journal_path),
        "duration_s": round(duration_s, 3),
    }  # fmt: skip


def _taken(pushed: Pushed | None) -> dict[str, object]:
    """Return what a push took, where it was ours."""
    if pushed is None:
        return {"pushed_by": "builder"}
    took = {"requests": pushed.requests, "blobs": pushed.blobs, "size_bytes": pushed.size_bytes}
    return {"pushed_by": "snapstitch", **took}


def _as_text(result: PushResult) -> str:
    return "".join(f"{move.after}  {move.repository}:{move.tag}\n" for move in result.journal.moves)
