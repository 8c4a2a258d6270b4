"""A root directory with nothing but busybox in it: what a small system has, with a C library of another kind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .command import Cli
from .packages import unpacked

_UNSHARE = "unshare -Ur --mount --pid --fork --kill-child"


def make_root(cli: Cli, directory: Path, *, without: tuple[str, ...] = ()) -> Path:
    """Make a root in *directory*, with a command for each applet of busybox but those that it is to be *without*."""
    program = unpacked(cli, "busybox-static") / "bin" / "busybox"
    applets = subprocess.run([str(program), "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in ("bin", "dev", "proc", "tmp"):
        (directory / name).mkdir(parents=True)
    (directory / "bin" / "busybox").write_bytes(program.read_bytes())
    (directory / "bin" / "busybox").chmod(0o755)
    for name in {*applets} - {"busybox", *without}:
        (directory / "bin" / name).symlink_to("busybox")
    return directory


def run_in(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in *root*, which is its whole world."""
    enter = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec unshare --root="$0" "$@"'
    return subprocess.run(
        [*_UNSHARE.split(), "sh", "-c", enter, str(root), *words],
        env={"PATH": f"/bin:{os.defpath}:/usr/sbin:/sbin"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
