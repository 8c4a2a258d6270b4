"""Ask the registry, by way of Cargo, or a repository, by its tags, which versions are worth a look."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError
from pipeline.model.events import Where
from pipeline.model.spec.origins import GitSource, RegistrySource
from pipeline.model.sync import candidates, versions_in_tags
from pipeline.sources import git, registry

PublishedSource = RegistrySource | GitSource
"""Sources that have versions."""

DEFAULT_LIMIT = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class FindInputs:
    """Where to look, and what is known."""

    source: PublishedSource
    described: tuple[str, ...]
    cargo: Path
    cargo_env: Mapping[str, str]
    since: str | None = None
    """Versions from here on, instead of those newer than all that are described."""
    limit: int = DEFAULT_LIMIT


def run(inputs: FindInputs, context: Context) -> tuple[PublishedSource, ...]:
    """Return the source of each version, the newest first; pre-releases and yanked ones are left out.

    Raises SourceError for a package or repository that is not there, NetworkError.
    """
    source = inputs.source
    named = source.package if isinstance(source, RegistrySource) else git.without_credentials(source.url)
    if context.offline:
        raise NetworkError(
            f"offline, and the versions of {named} are elsewhere",
            cause="what was published since cannot be known from here",
            action="leave out --offline",
        )
    with context.reporter.step(f"versions of {named}", where=Where.NETWORK) as step:
        if isinstance(source, RegistrySource):
            offered = dict.fromkeys(_in_registry(source, inputs, context))
            found = _chosen(offered, inputs)
            step.detail(f"{len(offered)} published, {len(found)} to look at")
            return tuple(source.model_copy(update={"version": version}) for version in found)
        commits = _in_repository(source, context)
        found = _chosen(commits, inputs)
        step.detail(f"{len(commits)} tags of versions, {len(found)} to look at")
        return tuple(source.model_copy(update={"version": version, "rev": commits[version]}) for version in found)


def _chosen(offered: Mapping[str, str | None], inputs: FindInputs) -> tuple[str, ...]:
    return candidates(offered, inputs.described, since=inputs.since, limit=inputs.limit)


def _in_registry(source: RegistrySource, inputs: FindInputs, context: Context) -> list[str]:
    order = registry.CrateOrder(
        name=source.package, version=inputs.described[0], cargo=inputs.cargo, env=inputs.cargo_env
    )
    published = registry.published(order, context.cache_dir / "sources")
    return [one.version for one in published if not one.yanked]


def _in_repository(source: GitSource, context: Context) -> dict[str, str]:
    """Return the commit of each version. Tags are what every host has; releases of one host say no more than they."""
    parent = fs.make_directory(context.cache_dir / "sources")
    with tempfile.TemporaryDirectory(prefix=".tags-", dir=parent) as scratch:
        tags = git.tags(git.Remote(url=source.url, environ=context.environ), Path(scratch))
    return versions_in_tags(tags, source.tag)
