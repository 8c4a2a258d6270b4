"""The files of an image: as a directory, for its programs to be run in, or some of them by their digests.

Layers may be anybody's: nothing is written through a link, and links lead to places inside the root, whatever they say.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.errors import ArchiveError
from pipeline.examine.images import apply_layer
from pipeline.model.members import Member
from pipeline.packing import tarball

_MAX_LINKS = 40
"""That are followed for one path, as Linux does (path_resolution(7))."""


def unpack_root(layers: Iterable[Path], root: Path, scratch_dir: Path) -> None:
    """Write files and symbolic links of *layers* to the empty directory *root*; owners and modes are not kept.

    Raises ArchiveError for layers that are damaged, DiskFullError.
    """
    files: dict[str, Member] = {}
    for number, layer in enumerate(layers):
        place = scratch_dir / str(number)
        place.mkdir()
        apply_layer(files, tarball.spill_tar(layer, place, lambda _name, _size, _head: True))
    members = {_parts(name): member for name, member in files.items()}
    links = {parts: member.link_to for parts, member in members.items() if member.link_to is not None}
    for parts, member in members.items():
        if not parts or (member.path is None and member.link_to is None):
            continue
        directory = resolved(parts[:-1], links)
        place = root.joinpath(*directory, parts[-1])
        if place.is_dir() and not place.is_symlink():
            continue
        place.unlink(missing_ok=True)  # of a lower layer, under another name because of a link
        place.parent.mkdir(parents=True, exist_ok=True)
        if member.path is not None:
            shutil.move(member.path, place)
            place.chmod(0o755)
        else:
            place.symlink_to(_inside(directory, resolved(parts, links)))


def file_digests(layers: Iterable[Path], wanted: Iterable[str], scratch_dir: Path) -> dict[str, str]:
    """Return the SHA-256 of those of the *wanted* paths, relative to the root, that are files in the image.

    Raises ArchiveError for layers that are damaged, DiskFullError.
    """
    paths = {path: _parts(path) for path in wanted}
    names = {parts[-1] for parts in paths.values() if parts}
    files: dict[str, Member] = {}
    for number, layer in enumerate(layers):
        place = scratch_dir / str(number)
        place.mkdir()
        apply_layer(
            files, tarball.spill_tar(layer, place, lambda name, _size, _head: PurePosixPath(name).name in names)
        )
    members = {_parts(name): member for name, member in files.items()}
    links = {parts: member.link_to for parts, member in members.items() if member.link_to is not None}
    places = {_place(parts, links): member for parts, member in members.items() if parts}
    found = {path: places.get(_place(parts, links)) for path, parts in paths.items() if parts}
    return {path: fs.sha256_file(member.path) for path, member in found.items() if member and member.path}


def _place(parts: tuple[str, ...], links: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """Return where a file lies once the links on the way to it are followed."""
    return (*resolved(parts[:-1], links), parts[-1])


def resolved(parts: tuple[str, ...], links: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """Return where a path leads once *links* are followed, with the root as the end of all ways up."""
    done: tuple[str, ...] = ()
    left, followed = list(parts), 0
    while left:
        name = left.pop(0)
        if name == "..":
            done = done[:-1]
            continue
        target = links.get((*done, name))
        if target is None:
            done = (*done, name)
            continue
        followed += 1
        if followed > _MAX_LINKS:
            raise _endless("/".join(parts))
        if target.startswith("/"):
            done = ()
        left[:0] = [part for part in target.split("/") if part not in {"", "."}]
    return done


def _inside(directory: tuple[str, ...], target: tuple[str, ...]) -> str:
    return os.path.relpath("/" + "/".join(target), "/" + "/".join(directory))


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name.lstrip("/")).parts
    if ".." in parts or "\0" in name:
        raise ArchiveError(
            f"a layer of the image has a file {name[:200]!r}",
            cause="its path leads out of the image: it was made to do harm, or by a program with a fault",
            action="build the image again",
        )
    return parts


def _endless(path: str) -> ArchiveError:
    return ArchiveError(
        f"the image has links that lead to each other: {path[:200]}",
        cause="it was made to do harm, or by a program with a fault",
        action="build the image again",
    )
