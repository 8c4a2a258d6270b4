"""Write the index of finished builds, so that what installs prebuilds takes their zips, too."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import pipeline
from pipeline import fs
from pipeline.errors import PrebuildError
from pipeline.model.asset import OS_NAME
from pipeline.model.manifest import SnapshotDigest
from pipeline.model.prebuild import (
    INDEX_SUFFIX,
    Archive,
    ArchiveFormat,
    Libc,
    Prebuild,
    PrebuildFile,
    PrebuildKind,
    PrebuildManifest,
    Probe,
)
from pipeline.model.prebuild_name import DIRECTORY
from pipeline.model.record import Subject
from pipeline.model.target import find_target
from pipeline.releasing.builds import FinishedBuild, find_builds

_ARM_VERSION = 7


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
    index = PrebuildManifest(
        schema_version=1,
        name=name,
        version=version,
        source_date_epoch_s=max(build.subject.source_date_epoch_s for build in builds),
        pipeline_version=pipeline.__version__,
        prebuilds=tuple(_prebuild(build, inputs.probes.get(name)) for build in builds),
    )
    path = inputs.dist_dir / f"{name}-{version}{INDEX_SUFFIX}"
    fs.write_text(path, index.to_json())
    return path


def _prebuild(build: FinishedBuild, probe: Probe | None) -> Prebuild:
    subject, target = build.subject, find_target(build.subject.target)
    prefix = f"{DIRECTORY}/{OS_NAME}-{target.node_arch}/bin/"
    return Prebuild(
        kind=PrebuildKind.EXECUTABLE,
        name=subject.name,
        platform=OS_NAME,
        arch=target.node_arch,
        libc=Libc.GLIBC,
        libc_floor=subject.glibc_floor,
        arm_version=_ARM_VERSION if target.node_arch == "arm" else None,
        libraries=subject.assumed_libraries,
        path=prefix + _program(subject),
        files=tuple(
            PrebuildFile(
                path=prefix + file.path,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                # Programs lie at the root of a zip; libraries and licences in directories.
                executable="/" not in file.path,
            )
            for file in subject.files
        ),
        probe=probe,
        target=target.name,
        snapshots=tuple(
            SnapshotDigest(package=item.package, path=file.path, sha256=file.sha256)
            for item in subject.snapshots
            for file in item.files
        ),
        v8_version=subject.vm.v8_version,
        archives=(
            Archive(
                name=subject.zip_name,
                format=ArchiveFormat.ZIP,
                size_bytes=subject.zip_size_bytes,
                sha256=subject.zip_sha256,
                prefix=prefix,
            ),
        ),
    )


def _program(subject: Subject) -> str:
    programs = [file.path for file in subject.files if "/" not in file.path]
    if subject.name in programs:
        return subject.name
    if len(programs) == 1:
        return programs[0]
    raise PrebuildError(
        f"{subject.zip_name} has {len(programs)} programs, and none is called {subject.name!r}",
        cause="a companion without a zip of its own, or a binary with another name",
        action="give companions an `asset-name` in releases.toml, and build again",
    )
