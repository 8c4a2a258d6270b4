"""Make the files of a release from archives of V8 in a mirror: checked, copied, described.

The release's tag is ``v<version of the crate>``, so that the releases themselves are a mirror: the build script of the
``v8`` crate asks for ``<mirror>/v<version>/<file>`` (see docs/v8-archives.md).
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, ReleaseError, V8ArchiveError
from pipeline.model.releases.asset import AssetKind
from pipeline.model.releases.manifest import V8Archive
from pipeline.model.target import TARGETS, Target
from pipeline.model.v8_record import V8BuildRecord
from pipeline.releasing.directory import describe
from pipeline.v8.archive_check import ArchiveReport, Verdict, check_archive
from pipeline.v8.names import V8Build, v8_major_minor

_VERSION_DIRECTORY = re.compile(r"v(?P<version>[0-9]+\.[0-9]+\.[0-9]+)")
_ARCHIVE = re.compile(
    r"librusty_v8(?P<variant>(?:_[a-z0-9]+)*_(?:release|debug))_(?P<triple>[a-z0-9_]+(?:-[a-z0-9_]+)+)\.a\.gz"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Version:
    """One version of the crate in a mirror."""

    version: str
    directory: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssembleV8Inputs:
    """The archives of one version, and where the release comes to lie."""

    source: V8Version
    release_dir: Path


def versions_in(mirror: Path) -> tuple[V8Version, ...]:
    """Return the versions that a mirror holds. Raises ReleaseError when there is none."""
    children = sorted(mirror.iterdir()) if mirror.is_dir() else []
    found = [(path, match) for path in children if (match := _VERSION_DIRECTORY.fullmatch(path.name))]
    if not found:
        raise ReleaseError(
            f"{mirror} holds no archives of V8",
            cause="the directory is no mirror, or a directory of one version in it",
            action="give the directory in which v<version>/ lies, such as `python -m pipeline v8` fills",
        )
    return tuple(V8Version(version=match["version"], directory=path) for path, match in found)


def run(inputs: AssembleV8Inputs, context: Context) -> tuple[V8Archive, ...]:
    """Write the files and return the entries of the manifest.

    Raises V8ArchiveError for an archive of another version or architecture, ArchiveError for a damaged one,
    IntegrityError for one that is not what its record says, ReleaseError when a file is missing or not known.
    """
    source = inputs.source
    with context.reporter.step(f"assemble V8 {source.version}") as step:
        names = [path.name for path in sorted(source.directory.iterdir())]
        archives = [(name, match) for name in names if (match := _ARCHIVE.fullmatch(name))]
        if not archives:
            raise _lacking(source.directory, "an archive", "librusty_v8_release_<triple>.a.gz")
        made = tuple(_archive(inputs, context, name, match["variant"], match["triple"]) for name, match in archives)
        step.detail(", ".join(archive.rust_triple for archive in made))
    return made


def _archive(inputs: AssembleV8Inputs, context: Context, name: str, variant: str, triple: str) -> V8Archive:
    directory = inputs.source.directory
    target = next((target for target in TARGETS if target.rust_triple == triple), None)
    if target is None:
        raise ReleaseError(
            f"{directory / name} is for {triple}, which is no target here",
            cause="the mirror holds archives for other systems, too",
            action="move it out of the mirror",
        )
    report = _checked(directory / name, target, inputs.source.version)
    if report.verdict is Verdict.UNKNOWN:
        context.reporter.warn(f"{name}: the architecture is not certain: {'; '.join(report.evidence)}")
    files = tuple(_files(directory, name, variant, triple))
    _check_record([path for path, _ in files])
    return V8Archive(
        crate_version=inputs.source.version,
        rust_triple=triple,
        v8_version=report.v8_version,
        assets=tuple(describe(_copied(path, inputs.release_dir), kind) for path, kind in files),
    )


def _files(directory: Path, name: str, variant: str, triple: str) -> Iterator[tuple[Path, AssetKind]]:
    """Yield the archive, the declarations for Rust that must lie beside it, and the record that may."""
    yield directory / name, AssetKind.V8_ARCHIVE
    binding = directory / f"src_binding{variant}_{triple}.rs"
    if not binding.is_file():
        raise _lacking(directory, "the declarations for Rust", binding.name)
    yield binding, AssetKind.V8_BINDING
    record = directory / f"{name.removesuffix('.a.gz')}.json"
    if record.is_file():
        yield record, AssetKind.V8_RECORD


def _checked(path: Path, target: Target, crate_version: str) -> ArchiveReport:
    report = check_archive(path, target)
    wanted = v8_major_minor(V8Build(version=crate_version, triple=target.rust_triple))
    wrong_version = wanted and report.v8_version and not report.v8_version.startswith(f"{wanted[0]}.{wanted[1]}.")
    if report.verdict is Verdict.MISMATCH or wrong_version:
        raise V8ArchiveError(
            f"{path} is not V8 {crate_version} for {target.name}",
            cause="it was built from another version or for another architecture, and stored under this name",
            action="build it again with `python -m pipeline v8`",
            details="\n".join((*report.evidence, f"V8 {report.v8_version}" if report.v8_version else "")),
        )
    return report


def _check_record(paths: list[Path]) -> None:
    record = next((path for path in paths if path.suffix == ".json"), None)
    if record is None:
        return
    try:
        told = {file.name: file.sha256 for file in V8BuildRecord.model_validate_json(record.read_bytes()).files}
    except pydantic.ValidationError as error:
        raise IntegrityError(
            f"{record} is not the record of an archive of V8: {error.errors()[0]['msg']}",
            cause="it was edited, or another version of this program wrote it",
            action="build the archive again",
        ) from error
    for path in paths:
        if path != record and told.get(path.name) != fs.sha256_file(path):
            raise IntegrityError(
                f"{path} is not what {record.name} says",
                cause="files of two builds lie in the same mirror",
                action="build the archive again",
            )


def _copied(path: Path, release_dir: Path) -> Path:
    final = release_dir / path.name
    with fs.atomic_path(final) as temporary:
        shutil.copyfile(path, temporary)
    return final


def _lacking(directory: Path, what: str, name: str) -> ReleaseError:
    return ReleaseError(
        f"{directory} lacks {what}: {name}",
        cause="only some of the mirror's files were copied",
        action="make it whole, or build it again with `python -m pipeline v8`",
    )
