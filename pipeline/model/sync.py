"""Versions that upstream has and ``releases.toml`` does not describe: which are looked at, and what became of each."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from packaging.version import InvalidVersion, Version

from pipeline.model.spec.origins import PathSource
from pipeline.model.spec.tables import RuntimeSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewVersion:
    """A version that is not described yet, and what building it takes."""

    runtime: str
    version: str
    vm_crate: str
    vm_version: str | None
    """In its lock; None where the lock has none, or several."""
    rust: str | None
    """Oldest Rust that it is known to need."""
    rev: str | None = None
    """The commit, for a version from a repository."""
    obstacles: tuple[str, ...] = ()
    """Why it cannot be built yet; empty where nothing speaks against it."""
    remarks: tuple[str, ...] = ()
    lifting: tuple[str, ...] | None = None
    """What is different in the lifting; None: it was not looked at."""

    @property
    def buildable(self) -> bool:
        """Return whether nothing speaks against building it."""
        return not self.obstacles


def described_versions(runtime: RuntimeSpec) -> tuple[str, ...]:
    """Return the versions that ``releases.toml`` describes; none for sources that have one version."""
    if isinstance(runtime.source, PathSource) or runtime.source.version is None:
        return ()
    return (runtime.source.version, *(item.version for item in runtime.versions))


def versions_in_tags(tags: Mapping[str, str], template: str) -> dict[str, str]:
    """Return the commit of each version among *tags* (name to commit), which upstream names as *template* says."""
    before, _placeholder, after = template.partition("{version}")
    pattern = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    named = ((pattern.fullmatch(name), commit) for name, commit in tags.items())
    return {found[1]: commit for found, commit in named if found and is_version(found[1])}


def candidates(published: Iterable[str], described: Iterable[str], *, since: str | None, limit: int) -> tuple[str, ...]:
    """Return at most *limit* versions that are worth a look, the newest first.

    They are newer than *since*, or without it than everything that is described; pre-releases are left out.
    """
    known = {version for text in described if (version := _parsed(text)) is not None}
    floor = _parsed(since) if since else max(known, default=None)
    found = {version: text for text in published if (version := _parsed(text)) is not None}
    new = sorted(
        (one for one in found if one not in known and not one.is_prerelease and (floor is None or one > floor)),
        reverse=True,
    )
    return tuple(found[one] for one in new[:limit])


def is_version(text: str) -> bool:
    """Return whether *text* is a version number."""
    return _parsed(text) is not None


def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
