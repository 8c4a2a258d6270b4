"""Zips of one ``releases.toml`` that would have the same name: the later one would replace the earlier one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from pipeline.model.asset import VERSION_PLACEHOLDER, asset_name
from pipeline.model.spec.origins import RegistrySource
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.model.target import find_target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clash:
    """Two builds whose zips have one name."""

    keys: tuple[str, ...]
    """Of the setting, in the file."""
    message: str


def clashes(spec: Spec) -> Iterator[Clash]:
    """Yield the first clash of each runtime, with one before it or between its own targets."""
    made: dict[str, str] = {}
    for runtime, described in spec.runtimes.items():
        names = dict(_names(runtime, described))
        clash = next(_clashes_of(runtime, described, made), None)
        if clash:
            yield clash
        made |= {file_name: owner for file_name, owner in names.items() if file_name not in made}


def _clashes_of(runtime: str, described: RuntimeSpec, made: dict[str, str]) -> Iterator[Clash]:
    seen = dict(made)
    for file_name, owner in _names(runtime, described):
        if file_name in seen:
            yield Clash(
                keys=("runtimes", runtime, "asset-name"),
                message=f"{file_name!r} would be the zip of both {seen[file_name]} and {owner}",
            )
        seen[file_name] = owner


def _names(runtime: str, described: RuntimeSpec) -> Iterator[tuple[str, str]]:
    """Yield the name of each zip and what it is of; a version that only the sources know stays a placeholder."""
    source = described.source
    version = source.version if isinstance(source, RegistrySource) else VERSION_PLACEHOLDER
    for name in described.targets:
        target = find_target(name)
        for owner, template in _templates(runtime, described):
            file_name = asset_name(template, runtime=owner, version=version, target=target)
            # A companion's package has a version of its own.
            yield file_name, f"{owner} for {target.name}"


def _templates(runtime: str, described: RuntimeSpec) -> Iterator[tuple[str, str]]:
    """Yield the name and the template of each zip."""
    yield runtime, described.asset_name
    for companion in described.companions:
        if companion.asset_name is not None:
            yield companion.package, companion.asset_name
