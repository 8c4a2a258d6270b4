"""Manifests that say by themselves what they say together with their workspace.

A package of a repository may inherit from the repository's workspace and name its neighbours by path. A copy that
takes its place lies elsewhere, so inherited values are written out and neighbours are named by their repository,
as Cargo understands both where it takes the package from the repository itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import tomlkit

from pipeline.lifting.entries import Table, dependency_entry
from pipeline.lifting.manifest import load, parse
from pipeline.model.cargo import Dependency, Package

_TABLES = {None: "dependencies", "build": "build-dependencies", "dev": "dev-dependencies"}
_PATHS = frozenset({"readme", "license-file"})
"""Inherited keys with paths relative to the workspace; nothing is compiled from them."""


def standalone_manifest(text: str, root_text: str, package: Package) -> str:
    """Return the manifest *text* without references to its workspace or to directories beside it.

    *root_text* is the manifest of the workspace, and *package* what Cargo says of the package.
    Raises WorkspaceError for broken TOML.
    """
    manifest = parse(text)
    inherited = load(root_text).get("workspace", {}).get("package", {})
    manifest["package"] = _own_values(manifest["package"], inherited)
    # Lints do not reach packages that are not local, which is what this one is in the untouched tree.
    for key in ("lints", "workspace"):
        manifest.pop(key, None)
    manifest["package"].pop("workspace", None)
    for table in (manifest, *manifest.get("target", {}).values()):
        for kind in _TABLES.values():
            table.pop(kind, None)
    _enter(manifest, package.dependencies)
    return tomlkit.dumps(manifest)


def _own_values(package: Table, inherited: Table) -> Table:
    """Return a [package] table with inherited values in the place of references to them."""
    values: Table = {}
    for key, value in package.items():
        if not (isinstance(value, dict) and value.get("workspace") is True):
            values[key] = value
        elif key not in _PATHS and key in inherited:
            values[key] = inherited[key]
    return values


def _enter(manifest: Table, dependencies: Iterable[Dependency]) -> None:
    for dependency in dependencies:
        place = manifest
        if dependency.target:
            place = manifest.setdefault("target", {}).setdefault(dependency.target, {})
        place.setdefault(_TABLES[dependency.kind], {})[dependency.key] = dependency_entry(dependency)
