"""Layers that an image adds to its base, from a build context: the program's surroundings, and the product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.images.base_layout import USER_FILES
from pipeline.images.design import COMMON_DIR, LIBC_DIR, PRODUCT_DIR, SCRATCH_DIR, Design, platform_dir
from pipeline.model.target import Target
from pipeline.tarball import TarMember


def surroundings(design: Design, context_dir: Path, target: Target, users: Mapping[str, bytes]) -> list[TarMember]:
    """Return everything but the product; *users* are the files of users, by name, where there is a base.

    Directories are named only where they belong to the user: an entry for one that the base has would replace it, and
    in some bases it is a link.
    """
    place = context_dir / platform_dir(target)
    members = [*tree_members(context_dir / (COMMON_DIR if design.has_base else SCRATCH_DIR))]
    members += (TarMember(name=name, content=users[name]) for name in USER_FILES if name in users)
    if design.brings_libc:
        members += tree_members(place / LIBC_DIR)
    members += (
        TarMember(name=f"{directory.lstrip('/')}/", content=None, mode=0o755, owner_id=design.spec.user_id)
        for directory in design.owned_directories
    )
    if not design.has_base:
        members.append(TarMember(name="tmp/", content=None, mode=0o1777))
    return sorted(members, key=lambda member: member.name)


def product(context_dir: Path, target: Target) -> list[TarMember]:
    """Return the files of the product: the same for all variants."""
    return list(tree_members(context_dir / platform_dir(target) / PRODUCT_DIR))


def tree_members(root: Path) -> Iterator[TarMember]:
    """Yield the files and links below *root*, sorted by name."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            yield TarMember(name=name, content=None, mode=0o777, link_to=str(path.readlink()))
        elif path.is_file():
            yield TarMember(name=name, content=path, mode=0o755 if path.stat().st_mode & 0o100 else 0o644)
