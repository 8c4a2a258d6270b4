"""A lock file: which digests the files of prebuilds had when they were first installed.

It holds those of every candidate, so that one file serves all platforms of a team.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pydantic

from pipeline import fs
from pipeline.errors import InstallError, IntegrityError
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildManifest
from pipeline.model.record import Sha256

_MAX_BYTES = 16 * 1024 * 1024


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class LockedProject(_Model):
    """One project's version, and the digests of all files of its candidates."""

    version: str
    files: dict[str, Sha256]


class PrebuildLock(_Model):
    """A whole lock file."""

    schema_version: Literal[1] = 1
    projects: dict[str, LockedProject] = {}


def read_lock(path: Path) -> PrebuildLock:
    """Return what *path* holds; an empty lock when there is no such file. Raises InstallError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large to be one")
        return PrebuildLock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return PrebuildLock()
    except (OSError, ValueError) as error:
        raise InstallError(
            f"{path} is no lock file of prebuilds",
            cause="another file, one of a newer version, or one with marks of a merge in it",
            action="correct --lock, or delete the file and install again where you trust the source",
            details=str(error),
        ) from error


def check_pins(path: Path, manifest: PrebuildManifest, prebuild: Prebuild, *, frozen: bool) -> bool:
    """Return whether the lock *path* knows the project.

    Raises IntegrityError when *prebuild* is not what it says; InstallError where it must know it (*frozen*).
    """
    known = read_lock(path).projects.get(manifest.name)
    if known is None:
        if frozen:
            raise InstallError(
                f"{path} does not know {manifest.name}",
                cause="--frozen takes what is locked only",
                action="run once without --frozen, look at the lock file, and keep it with your sources",
            )
        return False
    if known.version != manifest.version:
        raise IntegrityError(
            f"{path} locks {manifest.name} {known.version}, and the index is of {manifest.version}",
            cause="a newer release, or an address that follows the latest one",
            action="name the locked version's index, or run once with --update-lock",
        )
    for file in prebuild.files:
        if known.files.get(file.path) != file.sha256:
            raise IntegrityError(
                f"{file.path} of {manifest.name} {manifest.version} is not the locked one",
                cause="the release was replaced after it was locked, by its owner or by someone else",
                action="find out which; run with --update-lock only if the new one is to be trusted",
            )
    return True


def write_pins(path: Path, manifest: PrebuildManifest) -> None:
    """Write the digests of *manifest* into the lock *path*; those of other projects stay."""
    files = {file.path: file.sha256 for prebuild in manifest.prebuilds for file in prebuild.files}
    project = LockedProject(version=manifest.version, files=dict(sorted(files.items())))
    with fs.locked_beside(path, hidden=True):
        projects = read_lock(path).projects | {manifest.name: project}
        lock = PrebuildLock(projects=dict(sorted(projects.items())))
        fs.write_if_changed(path, lock.model_dump_json(indent=2) + "\n")
