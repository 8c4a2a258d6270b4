"""The plan of a release as ``releases.toml`` implies it: every product of ``[ci]``, with the files beside it."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.model.release import PlannedAsset, ReleasePlan
from pipeline.model.spec import Spec

KINDS = {
    "zip": ".zip",
    "sha256": ".zip.sha256",
    "components": ".components.json",
    "build-info": ".build-info.json",
}
"""What a build leaves in its output directory, by what the names end with."""


def plan_of(spec: Spec, pairs: Iterable[tuple[str, str]]) -> ReleasePlan:
    """Return the plan for *pairs* of runtime and target."""
    return ReleasePlan(
        assets=tuple(
            PlannedAsset(
                # A version begins with a digit: a runtime whose name begins with another's is not taken for it.
                pattern=f"{spec.runtimes[runtime].package or runtime}-[0-9]*-linux-{target}{ending}",
                kind=kind,
                runtime=runtime,
                target=target,
            )
            for runtime, target in pairs
            for kind, ending in KINDS.items()
        )
    )
