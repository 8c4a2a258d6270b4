"""Several versions of one runtime: which there are, which is meant, and what it needs."""

from __future__ import annotations

import difflib

from packaging.version import InvalidVersion, Version

from pipeline.errors import UnknownNameError, UsageError
from pipeline.model.spec.origins import GitSource, PathSource, RegistrySource
from pipeline.model.spec.runtime_parts import VersionSpec
from pipeline.model.spec.tables import RuntimeSpec


def at_version(name: str, runtime: RuntimeSpec, version: str | None) -> RuntimeSpec:
    """Return *runtime* as it is at one of its versions; None: the newest that can be built.

    Raises UnknownNameError for a version that is not described, UsageError for a runtime that has only one.
    """
    if isinstance(runtime.source, PathSource) or runtime.source.version is None:
        return _only(name, runtime, version)
    described = {item.version: item for item in runtime.versions}
    wanted = version or _newest(
        [runtime.source.version, *(item.version for item in runtime.versions if item.buildable)]
    )
    if wanted in described:
        return _changed(runtime, runtime.source, described[wanted])
    if wanted == runtime.source.version:
        return runtime
    known = sorted([*described, runtime.source.version], key=_order)
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(
        f"releases.toml does not describe version {wanted} of {name}{guess}",
        cause="each version needs its own facts: what lifting it may leave out, its profiles, the Rust that it wants",
        action=f"choose one of {', '.join(known)}, or add the version to [[runtimes.{name}.versions]]",
    )


def _only(name: str, runtime: RuntimeSpec, version: str | None) -> RuntimeSpec:
    if version is None:
        return runtime
    raise UsageError(
        f"{name} has no versions to choose from",
        cause=f"its sources are of kind {runtime.source.kind!r}, and nothing says which version they are",
        action="leave the version out",
    )


def _changed(runtime: RuntimeSpec, source: RegistrySource | GitSource, at: VersionSpec) -> RuntimeSpec:
    placed = {"version", "rev", "buildable"}
    said = {field: getattr(at, field) for field in type(at).model_fields if field not in placed}
    changes = {field: value for field, value in said.items() if value is not None}
    if at.profiles is not None:
        changes["profiles"] = {**runtime.profiles, **at.profiles}
    place = {"version": at.version} | ({"rev": at.rev} if at.rev else {})
    return runtime.model_copy(update={**changes, "source": source.model_copy(update=place)})


def _newest(versions: list[str]) -> str:
    return max(versions, key=_order)


def _order(version: str) -> tuple[bool, Version, str]:
    """Return what versions are sorted by; what is no version number comes first."""
    try:
        return True, Version(version), version
    except InvalidVersion:
        return False, Version("0"), version
