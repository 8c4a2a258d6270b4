"""Packed prebuilds, read back from the directories that they were written to: an index, and the archives beside it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import fs, record
from pipeline.errors import IntegrityError, ReleaseError
from pipeline.model.prebuilds.manifest import (
    INDEX_SUFFIX,
    Archive,
    ArchiveFormat,
    Libc,
    Prebuild,
    PrebuildKind,
    PrebuildManifest,
)
from pipeline.model.record import FileRecord
from pipeline.model.releases.manifest import Product
from pipeline.packing import tarball, zips
from pipeline.prebuilding.layout import read_manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed:
    """An index, whose archives hold what it says."""

    index_path: Path
    manifest: PrebuildManifest

    @property
    def archives(self) -> tuple[tuple[Archive, Path], ...]:
        """Return the archives, and where they lie."""
        entries = {packed.name: packed for prebuild in self.manifest.prebuilds for packed in prebuild.archives}
        return tuple((packed, self.index_path.with_name(name)) for name, packed in sorted(entries.items()))


def find_packed(directories: Iterable[Path]) -> tuple[Packed, ...]:
    """Return what lies in *directories*, or in directories in them, sorted by the names of the indexes.

    Raises ReleaseError for a directory without an index, PrebuildError for an index that cannot be read, IntegrityError
    for archives that are not there or hold something else, ArchiveError for damaged ones.
    """
    paths = {path for directory in directories for path in _indexes(directory)}
    return tuple(_read(path) for path in sorted(paths, key=lambda path: path.name))


def check_programs(prebuilds: Iterable[Prebuild], products: Iterable[Product]) -> None:
    """See that a program that is a prebuild and in a product, too, is the same in both; raises IntegrityError."""
    programs = {
        (product.name, product.target, file.path): file.sha256 for product in products for file in product.files
    }
    for prebuild in prebuilds:
        if prebuild.kind is not PrebuildKind.EXECUTABLE or prebuild.libc is not Libc.GLIBC:
            continue
        wanted = programs.get((prebuild.name, prebuild.target or "", prebuild.name))
        if wanted and wanted not in {file.sha256 for file in prebuild.files if file.path == prebuild.path}:
            raise IntegrityError(
                f"{prebuild.path} is not the {prebuild.name} for {prebuild.target} that the release has",
                cause="the prebuild is of another build",
                action="make both from one build",
            )


def _indexes(directory: Path) -> list[Path]:
    found = sorted(directory.glob(f"[!.]*{INDEX_SUFFIX}")) or sorted(directory.glob(f"[!.]*/[!.]*{INDEX_SUFFIX}"))
    if not found:
        raise ReleaseError(
            f"there are no prebuilds in {directory}",
            cause="nothing was packed yet, or the directory is another one",
            action="give a directory that `prebuild` wrote, such as dist/prebuilds",
        )
    return found


def _read(path: Path) -> Packed:
    found = Packed(index_path=path, manifest=read_manifest(path))
    for prebuild in found.manifest.prebuilds:
        for packed in prebuild.archives:
            _check(path, prebuild, packed)
    return found


def _check(index_path: Path, prebuild: Prebuild, packed: Archive) -> None:
    """See that an archive is the one of the index, and holds what the index says, byte for byte."""
    path = index_path.with_name(packed.name)
    if packed.url is not None:
        raise _not_as_listed(path, index_path, "it lies elsewhere")
    if not path.is_file():
        raise _not_as_listed(path, index_path, "it is missing")
    if path.stat().st_size != packed.size_bytes or fs.sha256_file(path) != packed.sha256:
        raise _not_as_listed(path, index_path, "it is another file")
    with tempfile.TemporaryDirectory(prefix="snapstitch-") as scratch:
        root = Path(scratch)
        if packed.format is ArchiveFormat.ZIP:
            zips.extract_zip(path, root)
        else:
            tarball.extract_tar(path, root)
        names = (file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
        found = record.file_records(root, names)
    wanted = tuple(sorted(_files(prebuild, packed), key=lambda file: file.path))
    if found != wanted:
        wrong = sorted({file.path for file in {*found} ^ {*wanted}})
        raise _not_as_listed(path, index_path, f"it does not hold the right {', '.join(wrong)}")


def _files(prebuild: Prebuild, packed: Archive) -> Iterator[FileRecord]:
    for file in prebuild.files:
        inside = file.path.removeprefix(packed.prefix)
        yield FileRecord(path=inside, size_bytes=file.size_bytes, sha256=file.sha256)


def _not_as_listed(path: Path, index_path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} is not what {index_path.name} says: {why}",
        cause="it was changed, cut off or left out on the way from the machine that packed it",
        action="transfer the directory again, or pack it again with `prebuild`",
    )
