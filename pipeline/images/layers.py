"""Layers that an image adds to its base, from a build context: one for each COPY of its Dockerfile, with its bytes.

BuildKit's layers name every directory on the way to what they hold
(https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md#copy---link).
"""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.images.base_layout import USER_FILES
from pipeline.images.design import COMMON_DIR, LIBC_DIR, OWNED_DIR, PRODUCT_DIR, SCRATCH_DIR, Design, platform_dir
from pipeline.model.target import Target
from pipeline.packing.tarball import TarMember


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """What one layer holds."""

    title: str
    members: tuple[TarMember, ...]


def layers(design: Design, context_dir: Path, target: Target, users: Mapping[str, bytes]) -> Iterator[Layer]:
    """Yield the layers, in the order of the Dockerfile; *users* are the files of users, where there is a base."""
    place = context_dir / platform_dir(target)
    if design.has_base:
        files = (TarMember(name=name, content=users[name]) for name in sorted(USER_FILES) if name in users)
        yield Layer(title="users", members=(TarMember(name="etc/", content=None, mode=0o755), *files))
    owned = (
        dataclasses.replace(member, owner_id=design.spec.user_id) for member in tree_members(context_dir / OWNED_DIR)
    )
    yield Layer(title="the user's directories", members=tuple(owned))
    common = context_dir / (COMMON_DIR if design.has_base else SCRATCH_DIR)
    yield Layer(title="surroundings", members=tuple(tree_members(common)))
    if design.brings_libc:
        yield Layer(title="C library", members=tuple(tree_members(place / LIBC_DIR)))
    yield Layer(title="product", members=tuple(tree_members(place / PRODUCT_DIR)))


def tree_members(root: Path) -> Iterator[TarMember]:
    """Yield the directories, files and links below *root*, each directory before what is in it, sorted by name."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            yield TarMember(name=name, content=None, mode=0o777, link_to=str(path.readlink()))
        elif path.is_dir():
            yield TarMember(name=f"{name}/", content=None, mode=0o1777 if path.stat().st_mode & stat.S_ISVTX else 0o755)
        else:
            yield TarMember(name=name, content=path, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)
