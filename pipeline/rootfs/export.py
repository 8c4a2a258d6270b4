"""A root as an image: a layer with owners and whole modes, native tools in place, and an entry that needs no rights.

The image is of this machine's kind. Its entry point is ``proot``, which runs the root's programs behind the emulator
and native tools as they are: that works in a container that may neither make namespaces nor mount anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.context import Context
from pipeline.model.root import NativeTools
from pipeline.packing.tarball import TarMember
from pipeline.rootfs import enter, native, python
from pipeline.rootfs.owners import Owners, listed_owners
from pipeline.rootfs.store import ENTRY, Exported
from pipeline.rootfs.tracing import SETTINGS

_EMULATOR = ENTRY / "emulator"


def entrypoint(exported: Exported) -> tuple[str, ...]:
    """Return what a container begins with; the command follows."""
    emulator = (f"--qemu={_EMULATOR}",) if exported.root.emulator else ()
    return (str(ENTRY / "usr/bin/proot"), "--root-id", "--rootfs=/", "--cwd=/root", *emulator)


def environment(exported: Exported) -> dict[str, str]:
    """Return the variables of a container."""
    env = {"PATH": enter.PATH, "HOME": "/root", "LANG": "C.UTF-8", **SETTINGS}
    if exported.root.emulator:
        env["QEMU_CPU"] = exported.root.request.target.qemu_cpu
    if exported.root.tools:
        env["PATH"] = native.path(env["PATH"])
    return env


def members(exported: Exported, context: Context) -> Iterator[TarMember]:
    """Yield everything that the image holds, directories before what is in them."""
    root, tools = exported.root, exported.root.tools
    owners = Owners.of(root.rootfs, listed_owners(exported.packages, context.environ))
    replaced = dict(_replaced(root.rootfs, tools)) if tools else {}
    for member in _tree(root.rootfs, PurePosixPath(), owners):
        if member.name in replaced:
            own = TarMember(name=f"{native.ORIGINALS.name}/{PurePosixPath(member.name).name}", content=member.content,
                            mode=0o755)  # fmt: skip
            yield from (own, TarMember(name=member.name, content=replaced[member.name], mode=0o755))
        else:
            yield member
    nobody = Owners(listed={}, users={}, groups={})
    yield from _tree(exported.entry, PurePosixPath(ENTRY.name), nobody)
    if root.emulator:
        yield TarMember(name=str(_EMULATOR).lstrip("/"), content=root.emulator.path, mode=0o755)
    if tools:
        yield from _tree(tools.directory, PurePosixPath(native.INSIDE.name), nobody)
        for modules in native.perl_modules(tools):
            yield from _tree(modules, PurePosixPath(modules.relative_to(tools.directory)), nobody)
        yield from _links(root.rootfs, tools)


def _links(rootfs: Path, tools: NativeTools) -> Iterator[TarMember]:
    """Yield the names that the root has, and Python's native modules beside the root's."""
    inside = native.INSIDE
    links = {
        inside / native.NAMES_DIR / name: inside / native.SWITCHES_DIR / name
        for name in native.names_in(tools, (rootfs,))
    }
    for module in python.native_modules(tools.directory):
        place = module.relative_to(tools.directory)
        if (rootfs / place.parent).is_dir() and not (rootfs / place).exists():
            links[PurePosixPath("/") / place] = inside / place
    for link, target in links.items():
        yield TarMember(name=str(link).lstrip("/"), content=None, mode=0o777, link_to=str(target))


def _replaced(rootfs: Path, tools: NativeTools) -> Iterator[tuple[str, Path]]:
    """Yield the root's programs that are named by their path, and what lies there in their stead."""
    for name, _original, switch in native.lying_over(tools, (rootfs,)):
        yield f"usr/bin/{name}", switch


def _tree(directory: Path, inside: PurePosixPath, owners: Owners) -> Iterator[TarMember]:
    for place, names, files in os.walk(directory):
        names.sort()
        here = PurePosixPath(place).relative_to(directory)
        if inside.name and here == PurePosixPath():
            yield TarMember(name=f"{inside}/", content=None, mode=0o755)
        for name in sorted((*names, *files)):
            member = _member(Path(place, name), here / name, inside, owners)
            if member:
                yield member


def _member(path: Path, below: PurePosixPath, inside: PurePosixPath, owners: Owners) -> TarMember | None:
    """Return one file; None for what is neither a file nor a directory nor a link."""
    found = path.lstat()
    user, group, mode = owners.of_file(str(below), found.st_mode)
    name = str(inside / below)
    if stat.S_ISLNK(found.st_mode):
        return TarMember(
            name=name, content=None, mode=0o777, owner_id=user, group_id=group, link_to=str(path.readlink())
        )
    if stat.S_ISDIR(found.st_mode):
        return TarMember(name=f"{name}/", content=None, mode=mode, owner_id=user, group_id=group)
    if stat.S_ISREG(found.st_mode):
        return TarMember(name=name, content=path, mode=mode, owner_id=user, group_id=group)
    return None
