"""What the finished builds of one runtime say about the images made from them: labels and annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from pipeline.images.design import Design
from pipeline.model.record import Subject
from pipeline.model.spec.origins import GitSource
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.target import find_target
from pipeline.releasing.builds import FinishedBuild

# https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys
_OCI = "org.opencontainers.image"
SUBJECT_KEY = "snapstitch.subject.digest"
"""Digest of what two equal builds share (docs/build-info.md)."""
SNAPSHOTS_KEY = "snapstitch.snapshots"
"""``package/file@sha256:…`` of each snapshot, separated by spaces."""
GLIBC_KEY = "snapstitch.glibc.floor"
V8_KEY = "snapstitch.v8.version"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is true of all variants."""

    version: str
    epoch_s: int
    """Time of the images and of all files in them: the newest of the builds'."""
    builds: tuple[FinishedBuild, ...]
    """One for each target."""
    source: str | None = None
    revision: str | None = None
    base_digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Digest of the base, by variant, where it is known."""


def make_facts(
    builds: tuple[FinishedBuild, ...],
    runtime: RuntimeSpec,
    *,
    revision: str | None = None,
    base_digests: Mapping[str, str] = MappingProxyType({}),
) -> ImageFacts:
    """Return what *builds*, which are of one version, and ``releases.toml`` say."""
    git = runtime.source if isinstance(runtime.source, GitSource) else None
    said = runtime.image.source if runtime.image else None
    return ImageFacts(
        version=builds[0].subject.version,
        epoch_s=max(build.subject.source_date_epoch_s for build in builds),
        builds=builds,
        source=said or (git.url if git else None),
        revision=revision or (git.rev if git else None),
        base_digests=base_digests,
    )


def labels(design: Design, facts: ImageFacts) -> dict[str, str]:
    """Return the labels of an image, which are annotations of its index and manifests, too."""
    values = {
        "title": design.runtime,
        "version": facts.version,
        "source": facts.source,
        "revision": facts.revision,
        "licenses": design.spec.licenses,
        "base.name": design.spec.base(design.variant),
        "base.digest": facts.base_digests.get(design.variant),
    }
    return {f"{_OCI}.{key}": value for key, value in sorted(values.items()) if value}


def platform_annotations(subject: Subject, subject_sha256: str) -> dict[str, str]:
    """Return what is said of the manifest of one platform alone."""
    made = [(snapshot.package, file) for snapshot in subject.snapshots for file in snapshot.files]
    # Sources that were written beside a snapshot are in its heap, too.
    told = [item for item in made if item[1].v8] or made
    snapshots = (f"{package}/{file.path}@sha256:{file.sha256}" for package, file in told)
    values = {
        GLIBC_KEY: subject.glibc_floor,
        SNAPSHOTS_KEY: " ".join(snapshots),
        SUBJECT_KEY: f"sha256:{subject_sha256}",
        V8_KEY: subject.vm.v8_version,
    }
    return {key: value for key, value in values.items() if value}


def platform_of(build: FinishedBuild) -> str:
    """Return the platform of a build as OCI names it."""
    return find_target(build.subject.target).oci_platform
