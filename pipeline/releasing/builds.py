"""Finished builds, read back from the directories that they were delivered to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pydantic

from pipeline import fs, record
from pipeline.errors import ArchiveError, IntegrityError, ReleaseError
from pipeline.model.asset import ZIP_SUFFIX
from pipeline.model.components import COMPONENTS_SUFFIX, ComponentList
from pipeline.model.findings import Severity
from pipeline.model.record import RECORD_SUFFIX, BuildRecord, Subject

MAX_COMPONENTS_BYTES = 64 * 1024 * 1024
"""The list of a product of 900 crates is 0.4 MB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedBuild:
    """A product with what lies beside it; each file is what the record says."""

    record: BuildRecord
    record_path: Path
    zip_path: Path
    components: ComponentList

    @property
    def subject(self) -> Subject:
        """Return what the build is about."""
        return self.record.subject

    @property
    def stem(self) -> str:
        """Return what the names of all files of the product begin with."""
        return self.subject.zip_name.removesuffix(ZIP_SUFFIX)


def find_builds(dist_dirs: Iterable[Path]) -> tuple[FinishedBuild, ...]:
    """Return every build in *dist_dirs*, sorted by the name of its zip.

    Raises ReleaseError when there is none or one that failed its checks, IntegrityError for files that are not what
    their record says, ArchiveError for damaged records.
    """
    directories = tuple(dist_dirs)
    paths = [path for directory in directories for path in sorted(directory.glob(f"*{RECORD_SUFFIX}"))]
    if not paths:
        raise ReleaseError(
            f"there is no finished build in {' or '.join(map(str, directories))}",
            cause="nothing was built yet, or it went to another directory (--out)",
            action="build first, or give the directory with --dist",
        )
    return tuple(sorted(map(_read, paths), key=lambda build: (build.subject.zip_name, str(build.record_path))))


def _read(path: Path) -> FinishedBuild:
    found = record.read(path)
    subject = found.subject
    stem = path.name.removesuffix(RECORD_SUFFIX)
    if f"{stem}{ZIP_SUFFIX}" != subject.zip_name:
        raise _not_as_recorded(path, f"it is the record of {subject.zip_name}")
    if found.verdict is Severity.FAIL:
        raise ReleaseError(
            f"{subject.zip_name} failed its checks",
            cause="the record lists what is wrong under findings",
            action="see `python -m pipeline verify`, and build again",
        )
    zip_path, components_path = (path.with_name(f"{stem}{suffix}") for suffix in (ZIP_SUFFIX, COMPONENTS_SUFFIX))
    _expect(zip_path, subject.zip_sha256)
    if subject.components_sha256 is None:
        raise _not_as_recorded(path, "it knows of no list of components")
    _expect(components_path, subject.components_sha256)
    return FinishedBuild(record=found, record_path=path, zip_path=zip_path, components=_components(components_path))


def _expect(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise _not_as_recorded(path, "it is missing")
    if fs.sha256_file(path) != sha256:
        raise _not_as_recorded(path, "it is another file than the one that was recorded")


def _components(path: Path) -> ComponentList:
    if path.stat().st_size > MAX_COMPONENTS_BYTES:
        raise _unreadable(path, f"it is larger than {MAX_COMPONENTS_BYTES:,} bytes")
    try:
        return ComponentList.model_validate_json(path.read_bytes())
    except pydantic.ValidationError as error:
        raise _unreadable(path, str(error.errors()[0]["msg"])) from error


def _unreadable(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{path} is not a list of components: {why}",
        cause="it was edited, or another version of this program wrote it",
        action="build again",
    )


def _not_as_recorded(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} does not go with its record: {why}",
        cause="files of two builds lie in the same directory, or one was changed, renamed or removed since",
        action="build again into an empty directory",
    )
