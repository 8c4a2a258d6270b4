"""What is mounted before a program runs in a root, in a mount namespace of our own. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.rootfs import kernel
from pipeline.rootfs.kernel import Mount
from pipeline.rootfs.order import Bind, Order

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
HANDLERS_DIR = "proc/sys/fs/binfmt_misc"


def build(order: Order) -> None:
    """Mount everything of *order* and change into the root; raises OSError that says what could not be mounted."""
    kernel.mount("none", "/", None, Mount.RECURSIVE | Mount.PRIVATE)
    root = order.mount_point
    if order.overlay:
        _overlay(order.root, order.overlay, root)
    else:
        kernel.mount(order.root, root, None, Mount.BIND | Mount.RECURSIVE)
    _kernel_files(Path(root))
    for bind in order.binds:
        _bind(bind, Path(root))
    _register(order.handlers, Path(root))
    if order.outside:
        # What it runs in the root sees our processes; the machine's own /proc is of another namespace.
        kernel.mount("proc", "/proc", "proc", Mount.NO_SUID | Mount.NO_DEV)
    else:
        kernel.change_root(root)


def _overlay(lower: str, changes: str, target: str) -> None:
    upper, work = Path(changes, "upper"), Path(changes, "work")
    upper.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    names = {"lowerdir": lower, "upperdir": str(upper), "workdir": str(work)}
    # overlayfs splits at commas and colons; a backslash protects them.
    options = ",".join(f"{key}={_escaped(value)}" for key, value in names.items())
    # Without `userxattr` the attributes of overlayfs would be trusted.*, which no user namespace may write.
    kernel.mount("overlay", target, "overlay", Mount.NONE, f"{options},userxattr")


def _escaped(path: str) -> str:
    return "".join(f"\\{c}" if c in "\\,:" else c for c in path)


def _kernel_files(root: Path) -> None:
    for name in ("proc", "dev", "sys", "tmp"):
        (root / name).mkdir(exist_ok=True)
    kernel.mount("proc", str(root / "proc"), "proc", Mount.NO_SUID | Mount.NO_DEV)
    devices = root / "dev"
    kernel.mount("tmpfs", str(devices), "tmpfs", Mount.NO_SUID, "mode=0755")
    for name in _DEVICES:
        (devices / name).touch()
        kernel.mount(f"/dev/{name}", str(devices / name), None, Mount.BIND)
    for name, target in _LINKS.items():
        (devices / name).symlink_to(target)
    for name, kind, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"),
        ("shm", "tmpfs", "mode=1777"),
    ):
        (devices / name).mkdir()
        kernel.mount(kind, str(devices / name), kind, Mount.NO_SUID, options)


def make_place(bind: Bind, root: Path) -> Path:
    """Return where *bind* will be seen, made where the root has nothing there."""
    target = _inside(root, bind.inside)
    if Path(bind.source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    return target


def _bind(bind: Bind, root: Path) -> None:
    target = make_place(bind, root)
    kernel.mount(bind.source, str(target), None, Mount.BIND | Mount.RECURSIVE)
    if bind.read_only:
        # The kernel refuses to drop what the mount below is locked with; these are the usual ones.
        flags = Mount.BIND | Mount.REMOUNT | Mount.READ_ONLY
        kernel.mount("none", str(target), None, flags | _locked_flags(bind.source))


def _inside(root: Path, path: str) -> Path:
    """Return where *path* of the root lies; links in the root are followed as the root means them."""
    current = root
    parts = [part for part in path.split("/") if part]
    for _round in range(40 + len(parts)):
        if not parts:
            return current
        following = current / parts.pop(0)
        if following.is_symlink():
            target = str(following.readlink())
            current = root if target.startswith("/") else current
            parts = [part for part in target.split("/") if part] + parts
        elif following.name == "..":
            current = current if current == root else current.parent
        else:
            current = following
    raise OSError(40, f"too many links on the way to {path} in the root")


def _locked_flags(source: str) -> Mount:
    found = os.statvfs(source).f_flag
    flags = Mount.NONE
    for bit, flag in ((os.ST_NOSUID, Mount.NO_SUID), (os.ST_NODEV, Mount.NO_DEV)):
        flags |= flag if found & bit else Mount.NONE
    return flags


def _register(handlers: tuple[str, ...], root: Path) -> None:
    if not handlers:
        return
    place = root / HANDLERS_DIR
    kernel.mount("binfmt_misc", str(place), "binfmt_misc", Mount.NO_SUID | Mount.NO_DEV)
    for line in handlers:
        (place / "register").write_text(line)
