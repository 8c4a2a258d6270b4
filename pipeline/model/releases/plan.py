"""Plans of releases: as ``releases.toml`` implies them (what ``[ci]`` builds), or as ``release.json`` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.model.asset import ZIP_SUFFIX, asset_name
from pipeline.model.releases.manifest import MANIFEST_NAME, SUMS_NAME, ReleaseManifest
from pipeline.model.releases.release import PlannedAsset, ReleasePlan
from pipeline.model.spec.origins import RegistrySource
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.model.spec.versions import at_version
from pipeline.model.target import find_target

ANY_VERSION = "[0-9]*"
"""A version begins with a digit: a runtime whose name begins with another's is not taken for it."""
KINDS = {
    "zip": ZIP_SUFFIX,
    "sha256": f"{ZIP_SUFFIX}.sha256",
    "components": ".components.json",
    "build-info": ".build-info.json",
    "report": ".report.html",
}
"""What a build leaves in its output directory, by what the names end with."""


def plan_of(spec: Spec, pairs: Iterable[tuple[str, str]]) -> ReleasePlan:
    """Return the plan for *pairs* of runtime and target."""
    return ReleasePlan(
        assets=tuple(
            PlannedAsset(pattern=f"{stem}{ending}", kind=kind, runtime=runtime, target=target)
            for runtime, target in pairs
            for stem in _stems(runtime, at_version(runtime, spec.runtimes[runtime], None), target)
            for kind, ending in KINDS.items()
        )
    )


def _stems(runtime: str, described: RuntimeSpec, target: str) -> Iterator[str]:
    """Yield what the names of each zip, and of the files beside it, begin with."""
    source = described.source
    version = source.version if isinstance(source, RegistrySource) else ANY_VERSION
    yield _stem(described.asset_name, runtime, version, target)
    for companion in described.companions:
        if companion.asset_name is not None:
            # Its package has a version of its own.
            yield _stem(companion.asset_name, companion.package, ANY_VERSION, target)


def _stem(template: str, name: str, version: str, target: str) -> str:
    filled = asset_name(template, runtime=name, version=version, target=find_target(target))
    return filled.removesuffix(ZIP_SUFFIX)


def plan_of_release(manifest: ReleaseManifest) -> ReleasePlan:
    """Return the plan of a release that was assembled: its files."""
    listed = [
        PlannedAsset(pattern=asset.name, kind=asset.kind.value, sha256=asset.sha256) for asset in manifest.assets()
    ]
    own = [PlannedAsset(pattern=MANIFEST_NAME, kind="manifest"), PlannedAsset(pattern=SUMS_NAME, kind="sums")]
    return ReleasePlan(assets=(*listed, *own))
