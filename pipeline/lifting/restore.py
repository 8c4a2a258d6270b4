"""Giving crates back the features that they lose by a lift, where Cargo has a way to say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from pipeline.lifting.features import FeatureChange
from pipeline.lifting.graph import package_key
from pipeline.lifting.manifest import NEVER, FeatureRestoration
from pipeline.model.analysis import PackageKey
from pipeline.model.cargo import Metadata, Package


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remedy:
    """What is done about lost features: additions to manifests, and features asked for on the command line."""

    manifests: Mapping[PackageKey, tuple[FeatureRestoration, ...]] = dataclasses.field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Members of the workspace that are selected as well, with the features to ask of them."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is done."""
        return not self.manifests and not self.members

    def merged(self, other: Remedy) -> Remedy:
        """Return both remedies together."""
        return Remedy(
            manifests={
                # Each addition once: merging the same remedy again changes nothing.
                key: tuple(dict.fromkeys((*self.manifests.get(key, ()), *other.manifests.get(key, ()))))
                for key in {*self.manifests, *other.manifests}
            },
            members={
                name: tuple(sorted({*self.members.get(name, ()), *other.members.get(name, ())}))
                for name in sorted({*self.members, *other.members})
            },
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Editable:
    """Packages whose manifests can be rewritten."""

    packages: tuple[PackageKey, ...]
    extendable: frozenset[PackageKey] = frozenset()
    """Those of them whose dependencies ``Cargo.lock`` does not guard, and that may have more."""


def find_remedy(lost: Iterable[FeatureChange], editable: Editable, metadata: Metadata, *, per_package: bool) -> Remedy:
    """Return what restores *lost* features as far as that is possible.

    A member of the workspace gets them on the command line, where Cargo takes features *per_package*. Another crate
    gets them from the editable package that depends on it directly, or from one whose dependencies may be more.
    """
    manifests: dict[PackageKey, tuple[FeatureRestoration, ...]] = {}
    members: dict[str, tuple[str, ...]] = {}
    by_key = {package_key(package): package for package in metadata.packages}
    for change in lost:
        crate = by_key.get(change.package)
        if per_package and crate and crate.id in metadata.workspace_members:
            members[crate.name] = change.features
            continue
        for owner in editable.packages:
            addition = _addition(owner in editable.extendable, by_key.get(owner), change, metadata)
            if addition:
                manifests[owner] = (*manifests.get(owner, ()), addition)
                break
    return Remedy(manifests=manifests, members=members)


def _addition(
    extendable: bool, owner: Package | None, change: FeatureChange, metadata: Metadata
) -> FeatureRestoration | None:
    """Return what *owner* can do about a change, None for nothing."""
    entry = _direct_entry(owner, change.package, metadata)
    if entry:
        return FeatureRestoration(dependency=entry, features=change.features)
    if extendable and change.package.source:
        name = f"restored-{change.package.slug}"
        return FeatureRestoration(dependency=name, features=change.features, added=change.package)
    return None


def _direct_entry(owner: Package | None, crate: PackageKey, metadata: Metadata) -> str | None:
    """Return the key under which *owner* depends on *crate* in a table that is in force."""
    if owner is None or metadata.resolve is None:
        return None
    packages = metadata.by_id()
    node = next((node for node in metadata.resolve.nodes if node.id == owner.id), None)
    names = {edge.name for edge in node.deps if package_key(packages[edge.pkg]) == crate} if node else set()
    entries = [
        dependency
        for dependency in owner.dependencies
        if dependency.name == crate.name
        and dependency.kind is None
        and not (dependency.target or "").startswith((NEVER, "cfg(all(any(), "))
    ]
    if not names or not entries:
        return None
    exact = [entry.key for entry in entries if entry.key.replace("-", "_") in names]
    return exact[0] if exact else entries[0].key
