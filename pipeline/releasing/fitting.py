"""Whether finished builds belong together in one release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.errors import ReleaseError
from pipeline.model.record import Subject
from pipeline.releasing.builds import FinishedBuild

_SAME_FOR_ALL_TARGETS = {
    "version": "version",
    "lock_sha256": "Cargo.lock",
    "patches": "patches",
    "features": "features",
    "default_features": "default features",
    "profile": "profile",
}
"""Fields that builds of one runtime share, whatever the target, and what people call them."""


def fitting(builds: Iterable[FinishedBuild]) -> tuple[FinishedBuild, ...]:
    """Return the builds, each once.

    Raises ReleaseError with everything that keeps them from being one release.
    """
    distinct: dict[tuple[str, str], FinishedBuild] = {}
    for build in builds:
        distinct.setdefault((build.subject.zip_name, build.record.subject_sha256), build)
    found = tuple(distinct.values())
    subjects = [build.subject for build in found]
    faults = [*_twice(subjects), *_unlike(subjects), *_split(subjects)]
    if faults:
        raise ReleaseError(
            f"the builds are not of one release ({len(faults)} differences)",
            cause="builds of several days or sources lie in the same directories",
            action="build all targets from one source into an empty directory",
            details="\n".join(faults),
        )
    return found


def _twice(subjects: list[Subject]) -> Iterator[str]:
    """Yield what is there more than once, with what tells the two apart."""
    products: dict[tuple[str, str], Subject] = {}
    names: dict[str, Subject] = {}
    for subject in subjects:
        earlier = products.setdefault((subject.name, subject.target), subject)
        if earlier is not subject:
            yield f"{subject.name} for {subject.target} is there twice: {_contrast(earlier, subject)}"
        namesake = names.setdefault(subject.zip_name, subject)
        if namesake is not subject and earlier is subject:
            yield f"{subject.zip_name} is the name of {namesake.name} and of {subject.name}"


def _contrast(one: Subject, other: Subject) -> str:
    if one.version != other.version:
        return f"version {one.version} and {other.version}"
    if _snapshots(one) != _snapshots(other):
        return "with different snapshots"
    return f"{one.zip_name} and {other.zip_name} hold different files"


def _snapshots(subject: Subject) -> list[tuple[str, str, str]]:
    return [(item.package, file.path, file.sha256) for item in subject.snapshots for file in item.files]


def _unlike(subjects: list[Subject]) -> Iterator[str]:
    """Yield what differs between targets of one runtime and should not."""
    first: dict[str, Subject] = {}
    for subject in subjects:
        model = first.setdefault(subject.name, subject)
        if model.target == subject.target:
            continue
        for field, word in _SAME_FOR_ALL_TARGETS.items():
            if getattr(model, field) != getattr(subject, field):
                yield f"{subject.name}: {model.target} and {subject.target} differ in {word}"
        if model.vm.crate_version != subject.vm.crate_version:
            yield f"{subject.name}: {model.target} and {subject.target} differ in the version of {subject.vm.crate}"


def _split(subjects: list[Subject]) -> Iterator[str]:
    """Yield packages whose snapshot is not the same in programs that were built alike for one target."""
    seen: dict[tuple[object, ...], tuple[Subject, str]] = {}
    for subject in subjects:
        alike = (subject.target, subject.lock_sha256, subject.features, subject.default_features, subject.profile)
        for package, path, sha256 in _snapshots(subject):
            earlier, theirs = seen.setdefault((*alike, package, path), (subject, sha256))
            if theirs != sha256 and earlier.name != subject.name:
                yield f"{earlier.name} and {subject.name} for {subject.target} hold different snapshots of {package}"
