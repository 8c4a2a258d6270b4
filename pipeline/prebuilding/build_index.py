"""The index of finished builds: what installs prebuilds takes their zips by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pipeline
from pipeline.errors import PrebuildError
from pipeline.model.asset import OS_NAME
from pipeline.model.prebuilds.manifest import (
    Archive,
    ArchiveFormat,
    Libc,
    Prebuild,
    PrebuildFile,
    PrebuildKind,
    PrebuildManifest,
    Probe,
)
from pipeline.model.prebuilds.name import DIRECTORY
from pipeline.model.record import Subject
from pipeline.model.releases.asset import Asset, SnapshotDigest
from pipeline.model.target import find_target
from pipeline.releasing.builds import FinishedBuild


def index_of(
    builds: tuple[FinishedBuild, ...], probe: Probe | None, tars: Mapping[str, Asset] = MappingProxyType({})
) -> PrebuildManifest:
    """Return the index of *builds*, which are of one name and version, with their zips and, by zip, their *tars*.

    Raises PrebuildError when it is not clear which program of a zip is meant.
    """
    subject = builds[0].subject
    return PrebuildManifest(
        schema_version=1,
        name=subject.name,
        version=subject.version,
        source_date_epoch_s=max(build.subject.source_date_epoch_s for build in builds),
        pipeline_version=pipeline.__version__,
        prebuilds=tuple(_prebuild(build, probe, tars.get(build.subject.zip_name)) for build in builds),
    )


def _prebuild(build: FinishedBuild, probe: Probe | None, tar: Asset | None) -> Prebuild:
    subject, target = build.subject, find_target(build.subject.target)
    prefix = f"{DIRECTORY}/{OS_NAME}-{target.node_arch}/bin/"
    return Prebuild(
        kind=PrebuildKind.EXECUTABLE,
        name=subject.name,
        platform=OS_NAME,
        arch=target.node_arch,
        libc=Libc.GLIBC,
        libc_floor=subject.glibc_floor,
        arm_version=target.arm_version,
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
        archives=tuple(_archives(subject, prefix, tar)),
    )


def _archives(subject: Subject, prefix: str, tar: Asset | None) -> Iterator[Archive]:
    if tar is not None:
        yield Archive(
            name=tar.name,
            format=ArchiveFormat.TAR_ZST,
            size_bytes=tar.size_bytes,
            sha256=tar.sha256,
            prefix=prefix,
            packing=tar.packing,
        )
    yield Archive(
        name=subject.zip_name,
        format=ArchiveFormat.ZIP,
        size_bytes=subject.zip_size_bytes,
        sha256=subject.zip_sha256,
        prefix=prefix,
        packing=subject.deflate,
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
