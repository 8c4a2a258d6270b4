"""Entries of dependency tables: crates named by where they come from, wherever the manifest lies."""

from __future__ import annotations

import urllib.parse
from typing import Any

from pipeline.model.analysis import PackageKey
from pipeline.model.cargo import Dependency

Table = dict[str, Any]
_GIT_REFERENCES = ("branch", "tag", "rev")
_CRATES_IO = frozenset({"registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"})


def crate_entry(crate: PackageKey, features: tuple[str, ...]) -> Table:
    """Return an entry that means exactly *crate*, with *features* and without its default features."""
    is_other_registry = crate.source.startswith(("registry+", "sparse+")) and crate.source not in _CRATES_IO
    place = _place(crate.source, registry=crate.source.removeprefix("registry+") if is_other_registry else None)
    requirement: Table = {"package": crate.name, "version": f"={crate.version}", "default-features": False}
    return requirement | place | {"features": sorted(features)}


def dependency_entry(dependency: Dependency) -> Table:
    """Return the entry that means what Cargo has read as *dependency*."""
    entry: Table = {"version": dependency.req} | _place(dependency.source or "", registry=dependency.registry)
    if dependency.rename:
        entry["package"] = dependency.name
    if dependency.optional:
        entry["optional"] = True
    if not dependency.uses_default_features:
        entry["default-features"] = False
    if dependency.features:
        entry["features"] = list(dependency.features)
    return entry


def _place(source: str, *, registry: str | None) -> Table:
    """Return where a crate comes from, as a manifest says it; a source is written as ``Cargo.lock`` writes it."""
    if registry:
        return {"registry-index": registry}
    if not source.startswith("git+"):
        return {}
    url = urllib.parse.urlsplit(source.removeprefix("git+"))
    query = urllib.parse.parse_qsl(url.query)
    place: Table = {name: value for name, value in query if name in _GIT_REFERENCES}
    rest = urllib.parse.urlencode([(name, value) for name, value in query if name not in _GIT_REFERENCES])
    return {"git": urllib.parse.urlunsplit(url._replace(query=rest, fragment=""))} | place
