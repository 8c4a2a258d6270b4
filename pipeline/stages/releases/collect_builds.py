"""Take finished builds from the directories that they were delivered to, and see that they make one release."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.context import Context
from pipeline.releasing.builds import FinishedBuild, find_builds
from pipeline.releasing.fitting import fitting


@dataclasses.dataclass(frozen=True, kw_only=True)
class CollectInputs:
    """Where builds lie."""

    dist_dirs: tuple[Path, ...]


def run(inputs: CollectInputs, context: Context) -> tuple[FinishedBuild, ...]:
    """Return the builds, sorted by the names of their zips.

    Raises ReleaseError when there is none, or when they do not belong together; IntegrityError for files that are not
    what their record says; ArchiveError for damaged records.
    """
    with context.reporter.step("collect builds") as step:
        builds = fitting(find_builds(inputs.dist_dirs))
        step.detail(f"{len(builds)} products")
    return builds
