"""Write the index of finished builds, so that what installs prebuilds takes their zips, too."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.prebuilds.manifest import INDEX_SUFFIX, Probe
from pipeline.prebuilding.build_index import index_of
from pipeline.releasing.builds import FinishedBuild, find_builds


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexInputs:
    """Finished builds, and how their programs show that they work."""

    dist_dir: Path
    """Gets the indexes."""
    probes: Mapping[str, Probe]
    """By the names of the runtimes."""


def run(inputs: IndexInputs) -> tuple[Path, ...]:
    """Write an index for each runtime and version, and return them.

    Raises ReleaseError when there are no builds or one failed its checks, IntegrityError when files are not what their
    records say, PrebuildError when it is not clear which program of a zip is meant.
    """
    builds = sorted(find_builds([inputs.dist_dir]), key=_project)
    return tuple(_write(inputs, tuple(group)) for _name, group in itertools.groupby(builds, key=_project))


def _project(build: FinishedBuild) -> tuple[str, str]:
    return build.subject.name, build.subject.version


def _write(inputs: IndexInputs, builds: tuple[FinishedBuild, ...]) -> Path:
    name, version = _project(builds[0])
    path = inputs.dist_dir / f"{name}-{version}{INDEX_SUFFIX}"
    fs.write_text(path, index_of(builds, inputs.probes.get(name)).to_json())
    return path
