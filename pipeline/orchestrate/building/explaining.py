"""Why snapshots of the last build were made again, or were not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.context import Context
from pipeline.model.build import BuildRequest
from pipeline.model.cached import Lookup
from pipeline.orchestrate.job import work_dir_for

MAX_LOOKUP_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained:
    """What one search for a kept snapshot came to."""

    profile: str
    lookup: Lookup


def explain_lookups(request: BuildRequest, context: Context) -> tuple[Explained, ...]:
    """Return, for each wanted target, what the last build's searches for snapshots came to."""
    steps = work_dir_for(request, context) / "steps"
    profile = request.runtime.profile
    found = []
    for wanted in request.targets:
        for path in sorted((steps / f"{wanted.target.name}-{profile}").glob("*.lookup.json")):
            lookup = _read(path)
            if lookup is not None:
                found.append(Explained(profile=profile, lookup=lookup))
    return tuple(found)


def _read(path: Path) -> Lookup | None:
    """Return what *path* says; None when another version of this program wrote it."""
    if path.stat().st_size > MAX_LOOKUP_BYTES:
        return None
    try:
        return Lookup.model_validate_json(path.read_bytes())
    except ValueError:
        return None
