"""The files of one prebuild, out of an archive or a package, each compared with the index."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline import fs
from pipeline.errors import IntegrityError
from pipeline.model.prebuilds.manifest import Archive, ArchiveFormat, Prebuild, PrebuildFile
from pipeline.packing import tarball, zips

_FURTHER_BYTES = 16 * 1024 * 1024
"""What an archive may hold beside the files that are listed."""
_MAX_MEMBERS = 10_000


def unpack_prebuild(prebuild: Prebuild, packed: Archive, path: Path, work_dir: Path) -> dict[str, Path]:
    """Unpack the archive *path* below *work_dir* and return the prebuild's files by their paths in the index.

    Raises ArchiveError for a damaged or hostile archive, IntegrityError for a file that is not what the index says.
    """
    total_bytes = sum(file.size_bytes for file in prebuild.files) + _FURTHER_BYTES
    fs.make_directory(work_dir)
    match packed.format:
        case ArchiveFormat.ZIP:
            zips.extract_zip(path, work_dir, zips.ZipLimits(members=_MAX_MEMBERS, total_bytes=total_bytes))
        case ArchiveFormat.TAR_ZST:
            tarball.extract_tar(path, work_dir, tarball.TarLimits(members=_MAX_MEMBERS, total_bytes=total_bytes))
    return {
        file.path: _compared(work_dir / file.path.removeprefix(packed.prefix), file, path.name)
        for file in prebuild.files
    }


def copy_prebuild(prebuild: Prebuild, layout: Path, work_dir: Path) -> dict[str, Path]:
    """Copy the prebuild's files out of the package *layout*; as above."""
    copied = {}
    for file in prebuild.files:
        target = work_dir / file.path
        fs.make_directory(target.parent)
        source = layout / file.path
        if source.is_file():
            with fs.explained(target):
                shutil.copyfile(source, target)
        copied[file.path] = _compared(target, file, str(layout))
    return copied


def _compared(path: Path, file: PrebuildFile, where: str) -> Path:
    if not path.is_file() or path.stat().st_size != file.size_bytes or fs.sha256_file(path) != file.sha256:
        raise IntegrityError(
            f"{file.path} in {where} is not what the index says",
            cause="it was left out, altered, or cut off on its way",
            action="get it again from where it was published; tell its owner if it stays so",
        )
    path.chmod(0o755 if file.executable else 0o644)
    return path
