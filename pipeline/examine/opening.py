"""Takes an input apart, by what it is and not by what it is called."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.elf.image import MAGIC
from pipeline.errors import ArchiveError, UsageError
from pipeline.examine import images
from pipeline.examine.declared import by_name, by_package_json, by_wheel_name
from pipeline.examine.trees import Declared, Opened, Tree, is_worth_a_look
from pipeline.model.findings import InputKind
from pipeline.model.members import Member
from pipeline.packing import tarball, zips
from pipeline.packing.zips import ZipLimits

MAX_FILES = 500_000
_ZIP_LIMITS = ZipLimits(members=200_000)
_PACKED_MAGICS = (b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"\xfd7zXZ\0")
_TAR_MAGIC_OFFSET = 257


def open_input(path: Path, scratch_dir: Path) -> Opened:
    """Return what *path* holds; what must be unpacked lies in the empty directory *scratch_dir* from then on.

    Raises ArchiveError when it is a damaged or hostile archive, UsageError when it is not there.
    """
    if not path.exists():
        raise _missing(path)
    if path.is_dir():
        return _open_directory(path, scratch_dir)
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _open_zip(path, scratch_dir)
    if head.startswith(_PACKED_MAGICS) or head[_TAR_MAGIC_OFFSET : _TAR_MAGIC_OFFSET + 5] == b"ustar":
        return _open_tar(path, scratch_dir)
    member = Member(name=path.name, path=path, size_bytes=path.stat().st_size)
    declared = by_name(path) if head.startswith(MAGIC) else Declared()
    return Opened(kind="file", trees=(Tree(members=(member,), declared=declared),))


def _open_directory(path: Path, scratch_dir: Path) -> Opened:
    if images.is_layout(path):
        return images.open_layout(path, scratch_dir)
    members = tuple(itertools.islice(_walk(path), MAX_FILES + 1))
    if len(members) > MAX_FILES:
        raise ArchiveError(
            f"{path} holds more than {MAX_FILES:,} files",
            cause="a directory that is no product, such as a home directory or a whole disk",
            action="name the directory of one product",
        )
    kind: InputKind = "prebuilds" if path.name == "prebuilds" else "directory"
    return Opened(kind=kind, trees=(Tree(members=members, declared=_described(members, by_name(path))),))


def _walk(root: Path) -> Iterator[Member]:
    for place, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            path = Path(place, file)
            name = path.relative_to(root).as_posix()
            if path.is_symlink() or not path.is_file():
                yield Member(name=name, path=None)
            else:
                yield Member(name=name, path=path, size_bytes=path.stat().st_size)


def _open_zip(path: Path, scratch_dir: Path) -> Opened:
    members = zips.spill_zip(path, scratch_dir, is_worth_a_look, _ZIP_LIMITS)
    if path.suffix == ".whl":
        return Opened(kind="wheel", trees=(Tree(members=members, declared=by_wheel_name(path.name)),))
    return Opened(kind="zip", trees=(Tree(members=members, declared=by_name(path)),))


def _open_tar(path: Path, scratch_dir: Path) -> Opened:
    members = tarball.spill_tar(path, scratch_dir, is_worth_a_look)
    if images.is_layout_listing(members):
        return images.open_listing(members, scratch_dir)
    if any(member.name == "package/package.json" for member in members):
        return Opened(kind="npm-package", trees=(Tree(members=members, declared=_described(members, by_name(path))),))
    return Opened(kind="tar", trees=(Tree(members=members, declared=by_name(path)),))


def _described(members: tuple[Member, ...], otherwise: Declared) -> Declared:
    """Return what the package.json at the top declares, else *otherwise*."""
    for member in members:
        if member.name in {"package.json", "package/package.json"} and member.path is not None:
            return by_package_json(member.path) or otherwise
    return otherwise


def _missing(path: Path) -> UsageError:
    return UsageError(
        f"{path} does not exist",
        cause="a misspelt path, or another working directory",
        action="give the path of a file or directory",
    )
