"""Starts the launcher: runs programs in a root, with our streams or with what they say kept."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock

import pipeline
from pipeline import fs
from pipeline.context import Context
from pipeline.errors import RootError
from pipeline.processes import foreground, proc
from pipeline.rootfs.launcher import CAN_TRACE, CANNOT_ENTER_EXIT_CODE
from pipeline.rootfs.order import Order
from pipeline.rootfs.plan import roots_dir

_LAUNCHER = "pipeline.rootfs.launcher"
_LOCK_NAME = "lock"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def run_directory(context: Context) -> Iterator[Path]:
    """Yield a directory for one run, gone afterwards; what runs left that were killed goes first."""
    runs = fs.make_directory(roots_dir(context) / "runs")
    with fs.locked_beside(runs):
        _sweep(runs)
        directory = runs / uuid.uuid4().hex[:12]
        directory.mkdir()
        (directory / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
        lock = filelock.FileLock(directory / _LOCK_NAME)
        lock.acquire()
    try:
        (directory / "root").mkdir()
        yield directory
    finally:
        # Whoever sweeps meanwhile would find a directory without its lock file, and put one there.
        with fs.locked_beside(runs):
            remove_changes(directory)
            lock.release()


def _sweep(runs: Path) -> None:
    """Remove directories whose run is no more: the kernel has dropped their locks."""
    for directory in runs.iterdir():
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(directory / _LOCK_NAME, timeout=0):
            # A run that was killed while it cleaned up may have removed it already.
            (directory / fs.SENTINEL_NAME).write_text(fs.SENTINEL_TEXT)
            remove_changes(directory)


def remove_changes(directory: Path) -> None:
    """Remove a directory that an overlay's changes are in."""
    if (directory / "work/work").is_dir():
        (directory / "work/work").chmod(0o700)  # overlayfs makes it so that nobody can look into it
    fs.remove_tree(directory)


def command(order: Order, directory: Path, environ: Mapping[str, str]) -> proc.Command:
    """Return the process that carries out *order*, which is written into the run's *directory*."""
    path = directory / "order.json"
    path.write_text(order.to_json(), encoding="utf-8")
    return _launcher(str(path), environ)


def can_trace(context: Context) -> bool:
    """Tell whether a process may follow another one here, by doing it."""
    return proc.run(_launcher(CAN_TRACE, context.environ)).exit_code == 0


def _launcher(argument: str, environ: Mapping[str, str]) -> proc.Command:
    source = Path(pipeline.__file__).parent.parent
    env = {**proc.base_environment(environ), "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    return proc.Command(argv=(sys.executable, "-S", "-m", _LAUNCHER, argument), env=env, cwd=Path("/"))


def run_kept(order: Order, directory: Path, context: Context, on_line: proc.LineSink | None = None) -> proc.Completed:
    """Run *order* and return what it said; each line of standard output also goes to *on_line*.

    Raises RootError where roots cannot be entered.
    """
    completed = proc.run(command(order, directory, context.environ), on_stdout=on_line)
    if completed.exit_code == CANNOT_ENTER_EXIT_CODE and completed.stderr.startswith(b"cannot enter the root"):
        raise RootError(
            "roots cannot be entered on this machine",
            cause="the kernel is older than 6.7, or a container or a setting forbids user namespaces; see above",
            action="run `python -m pipeline doctor`, which tries it; in a container, allow unshare and mount "
            "(--security-opt seccomp=unconfined)",
            details=completed.stderr.decode(errors="replace"),
        )
    return completed


def run_shown(order: Order, directory: Path, context: Context) -> int:
    """Run *order* on our own streams; return its exit code."""
    return foreground.run(command(order, directory, context.environ))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of programs in a root: ours, without what only means something outside."""
    kept = (
        "TERM",
        "SOURCE_DATE_EPOCH",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    )
    passed = {name: environ[name] for name in kept if name in environ}
    own = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    return {**passed, **own}
