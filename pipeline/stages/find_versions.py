"""Ask the registry, by way of Cargo, which versions of a package are worth a look."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import registry
from pipeline.context import Context
from pipeline.errors import NetworkError
from pipeline.model.events import Where
from pipeline.model.sync import candidates

DEFAULT_LIMIT = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class FindInputs:
    """Which package, and what is known of it."""

    package: str
    described: tuple[str, ...]
    cargo: Path
    cargo_env: Mapping[str, str]
    since: str | None = None
    """Versions from here on, instead of those newer than all that are described."""
    limit: int = DEFAULT_LIMIT


def run(inputs: FindInputs, context: Context) -> tuple[str, ...]:
    """Return the versions, the newest first; pre-releases and yanked ones are left out.

    Raises SourceError for a package that the registry does not have, NetworkError.
    """
    if context.offline:
        raise NetworkError(
            f"offline, and the versions of {inputs.package} are in the registry",
            cause="what was published since cannot be known from here",
            action="leave out --offline",
        )
    order = registry.CrateOrder(
        name=inputs.package, version=inputs.described[0], cargo=inputs.cargo, env=inputs.cargo_env
    )
    with context.reporter.step(f"versions of {inputs.package}", where=Where.NETWORK) as step:
        published = registry.published(order, context.cache_dir / "sources")
        offered = [one.version for one in published if not one.yanked]
        found = candidates(offered, inputs.described, since=inputs.since, limit=inputs.limit)
        step.detail(f"{len(published)} published, {len(found)} to look at")
    return found
