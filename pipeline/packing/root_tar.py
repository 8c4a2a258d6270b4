"""Root file systems in tar files: unpacked by an ordinary user, so that no member can do harm outside.

Links stay as they are: in a root they mean what they say. Nothing is written through one. Devices are left out, owners
are not taken, and directories stay open to their owner.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path, PurePosixPath

from pipeline.packing.tarball import TarLimits, damaged, opened, within_limits

_BLOCK_BYTES = 1024 * 1024
LIMITS = TarLimits(members=1_000_000, total_bytes=32 * 1024**3)


def extract_root(path: Path, destination: Path, limits: TarLimits = LIMITS) -> None:
    """Unpack the root file system *path* (``.tar``, ``.gz``, ``.xz`` or ``.zst``) into the empty *destination*.

    Raises ArchiveError when it is damaged, beyond the *limits*, or could write outside *destination*.
    """
    modes: dict[Path, int] = {}
    with opened(path, destination, limits) as (archive, members):
        for _count, info in within_limits(path, members, limits):
            if info.issparse():
                raise damaged(path, f"member {info.name!r}: it is a file with holes")
            name = _name(path, info)
            target = destination / name
            _require_plain_parents(path, destination, name)
            if info.isdir():
                if target.is_symlink():
                    raise damaged(path, f"member {info.name!r}: a link stands in its place")
                target.mkdir(parents=True, exist_ok=True)
                modes[target] = info.mode & 0o7777
            elif info.isreg() or info.issym() or info.islnk():
                target.parent.mkdir(parents=True, exist_ok=True)
                _place(path, archive, info, (destination, target))
    for directory, mode in modes.items():
        directory.chmod(mode | 0o700)


def _name(path: Path, info: tarfile.TarInfo) -> PurePosixPath:
    name = PurePosixPath(info.name)
    name = name.relative_to("/") if name.is_absolute() else name
    if ".." in name.parts or "\0" in info.name:
        raise damaged(path, f"member {info.name!r}: its path leads out of the directory")
    return name


def _require_plain_parents(path: Path, destination: Path, name: PurePosixPath) -> None:
    for parent in name.parents:
        if (destination / parent).is_symlink():
            raise damaged(path, f"member {str(name)!r}: it lies behind a link")


def _place(path: Path, archive: tarfile.TarFile, info: tarfile.TarInfo, where: tuple[Path, Path]) -> None:
    destination, target = where
    if target.is_symlink() or target.exists():
        raise damaged(path, f"the name {info.name} occurs twice")
    if info.issym():
        target.symlink_to(info.linkname)
        return
    if info.islnk():
        linked = _name(path, archive.tarinfo(info.linkname))
        _require_plain_parents(path, destination, linked)
        source = destination / linked
        if source.is_symlink() or not source.is_file():
            raise damaged(path, f"member {info.name!r}: what it is a second name of is not there")
        os.link(source, target)
        return
    _write(archive, info, target)


def _write(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(info)
    if source is None:
        raise tarfile.ReadError(f"{info.name} has no content")
    left = info.size
    with target.open("xb") as out:
        while block := source.read(min(left, _BLOCK_BYTES)):
            out.write(block)
            left -= len(block)
    if left:
        raise tarfile.ReadError(f"{info.name} is cut short by {left} bytes")
    # Nobody but the owner of the cache can start it with more rights; inside, there is one user only.
    target.chmod((info.mode & 0o777) | 0o600)
