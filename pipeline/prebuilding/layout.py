"""A directory of prebuilds as ``docs/prebuilds.md`` has it, and what others built, taken into it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import IntegrityError, PrebuildError
from pipeline.model.prebuilds.manifest import MANIFEST_PATH, Prebuild, PrebuildManifest

_MAX_MANIFEST_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collected:
    """Prebuilds of one project, and their files on disk by their paths in the package."""

    name: str
    version: str
    prebuilds: tuple[Prebuild, ...]
    files: Mapping[str, Path]


def read_layout(directory: Path) -> Collected:
    """Return the prebuilds in *directory*, every file compared with the manifest.

    Raises PrebuildError when there is no manifest that can be read, IntegrityError for a file that is not what it says.
    """
    manifest = read_manifest(directory / MANIFEST_PATH)
    files: dict[str, Path] = {}
    for file in (file for prebuild in manifest.prebuilds for file in prebuild.files):
        path = directory / file.path
        if not path.resolve().is_relative_to(directory.resolve()) or not path.is_file() or not _is(path, file.sha256):
            raise IntegrityError(
                f"{path} is not what the manifest beside it says",
                cause="it was changed, cut off or left out on the way from the machine that built it",
                action="transfer the directory again, or build there again",
            )
        files[file.path] = path
    return Collected(name=manifest.name, version=manifest.version, prebuilds=manifest.prebuilds, files=files)


def read_manifest(path: Path) -> PrebuildManifest:
    """Return the manifest in *path*; raises PrebuildError when it cannot be read."""
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ValueError("it is too large to be one")
        return PrebuildManifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        why = _first_line(error)
        raise PrebuildError(
            f"{path} is no manifest of prebuilds: {why}",
            cause="another directory, one of a newer version, or a damaged file",
            action="give the directory that `prebuild` wrote; docs/prebuilds.md describes it",
        ) from error


def combine(parts: Iterable[Collected]) -> Collected:
    """Return all prebuilds of *parts*, sorted by path; of equal places, the first part's.

    Raises PrebuildError when the parts are not of one project and version.
    """
    first, *others = parts
    prebuilds = {prebuild.path: prebuild for prebuild in first.prebuilds}
    files = dict(first.files)
    for other in others:
        if (other.name, other.version) != (first.name, first.version):
            raise PrebuildError(
                f"{other.name} {other.version} cannot be put beside {first.name} {first.version}",
                cause="a directory of another project, or of another version",
                action="build it again for this version",
            )
        for prebuild in other.prebuilds:
            if prebuild.path not in prebuilds:
                prebuilds[prebuild.path] = prebuild
                files |= {file.path: other.files[file.path] for file in prebuild.files}
    ordered = tuple(prebuilds[path] for path in sorted(prebuilds))
    return Collected(name=first.name, version=first.version, prebuilds=ordered, files=files)


def write_layout(root: Path, manifest: PrebuildManifest, files: Mapping[str, Path]) -> None:
    """Write the manifest, and the files of those prebuilds that lie in this package, below *root*."""
    fs.write_text(root / MANIFEST_PATH, manifest.to_json())
    for prebuild in manifest.prebuilds:
        if prebuild.npm_package is None:
            for file in prebuild.files:
                copy_file(files[file.path], root / file.path, executable=file.executable)


def copy_file(source: Path, destination: Path, *, executable: bool = False) -> None:
    """Copy a file with one of the two modes that packages keep."""
    fs.make_directory(destination.parent)
    with fs.explained(destination):
        shutil.copyfile(source, destination)
        destination.chmod(0o755 if executable else 0o644)


def _is(path: Path, sha256: str) -> bool:
    return fs.sha256_file(path) == sha256


def _first_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        details = error.errors()[0]
        place = ".".join(map(str, details["loc"]))
        return f"{place}: {details['msg']}" if place else details["msg"]
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return getattr(error, "strerror", None) or str(error)
