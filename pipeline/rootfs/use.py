"""Runs programs in a finished root: what is mounted, what the environment is, where changes go."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import RootError, UsageError
from pipeline.model.root import EmulatedRoot
from pipeline.processes import proc
from pipeline.rootfs import enter, native
from pipeline.rootfs.binfmt import handler
from pipeline.rootfs.order import Bind, Order
from pipeline.rootfs.plan import roots_dir

_CACHES_INSIDE = "/.cache"
CARGO_HOME_INSIDE = f"{_CACHES_INSIDE}/cargo"
_TAKEN = ("/", "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/var", "/proc", "/sys", "/dev", "/boot",
          "/.native", "/.emulated", "/.cache", "/.certificates")  # fmt: skip
_LOWER_NAME = "lower"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts: a company's own authority is not in the root's package."""
_AUTHORITIES_INSIDE = "/.certificates/machine.crt"
_AUTHORITY_VARIABLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO")
"""OpenSSL's, curl's, git's and Cargo's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """A program to be run in a root."""

    argv: tuple[str, ...]
    project: Path | None = None
    """Directory of this machine that is seen at its own path, and where the program begins."""
    binds: tuple[Bind, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    network: bool = True
    keep: str | None = None
    """Name of changes that are kept from run to run; None: they are thrown away."""
    watched: bool = False
    """Write down what ran, and how long."""


@contextlib.contextmanager
def prepared(root: EmulatedRoot, options: RunOptions, context: Context) -> Iterator[tuple[Order, Path]]:
    """Yield the order to run *options* in *root*, and the directory of the run.

    Raises UsageError for a project directory that cannot be mounted, RootError for changes that are in use.
    """
    project = _project(options.project)
    with enter.run_directory(context) as directory, _changes(root, options.keep, directory, context) as changes:
        if root.tracer:
            _copy(root, changes, context)
            _warn_of_ptrace(options, context)
        yield (
            Order(
                argv=options.argv,
                env={**_environment(root, context, network=options.network), **options.env},
                root=str(root.rootfs),
                mount_point=str(directory / "root"),
                overlay=str(changes),
                cwd=str(project or "/root"),
                binds=(
                    *_binds(root, changes, directory, context, network=options.network),
                    *_seen(project),
                    *options.binds,
                ),
                handlers=(handler(root.emulator),) if root.emulator else (),
                network=options.network,
                tracer=str(root.tracer or ""),
                emulator=str(root.emulator.path) if root.emulator else "",
                accounts=str(directory / "accounts.jsonl") if options.watched and not root.tracer else None,
            ),
            directory,
        )


def run_shown(root: EmulatedRoot, options: RunOptions, context: Context) -> int:
    """Run a program on our own streams and return its exit code."""
    with prepared(root, options, context) as (order, directory):
        return enter.run_shown(order, directory, context)


def run_kept(root: EmulatedRoot, options: RunOptions, context: Context) -> proc.Completed:
    """Run a program and return what it said."""
    with prepared(root, options, context) as (order, directory):
        return enter.run_kept(order, directory, context)


def shell_of(rootfs: Path) -> str:
    """Return the shell of a root: small distributions have no Bash."""
    return next((f"/{name}" for name in ("bin/bash", "usr/bin/bash") if (rootfs / name).is_file()), "/bin/sh")


def _copy(root: EmulatedRoot, changes: Path, context: Context) -> None:
    """Have *changes* hold a root of its own: without mounts there is no overlay."""
    upper, part = changes / "upper", changes / "upper.part"
    if upper.is_dir():
        return
    fs.remove_tree(part)
    argv = ("cp", "-a", "--reflink=auto", str(root.rootfs), str(part))
    proc.check(proc.Command(argv=argv, env=proc.base_environment(context.environ)))
    part.rename(upper)


def _warn_of_ptrace(options: RunOptions, context: Context) -> None:
    lacking = [
        *(() if options.network else ("the network is there",)),
        *(("nothing is reported",) if options.watched else ()),
    ]
    if lacking:
        context.reporter.warn(f"the root is entered by ptrace: {' and '.join(lacking)}")


def _project(path: Path | None) -> Path | None:
    if path is None:
        return None
    real = path.resolve()
    if not real.is_dir():
        raise UsageError(
            f"there is no directory {path}",
            cause="a misspelt name; it is what the program in the root works in",
            action="name a directory with --project, or give --no-project",
        )
    if str(real) in _TAKEN or real.parts[1:2] in {("proc",), ("sys",), ("dev",)}:
        raise UsageError(
            f"{real} cannot be seen in the root: the root has that directory itself",
            cause="the working directory is mounted at its own path",
            action="start in the directory of a project, name one with --project, or give --no-project",
        )
    return real


def _seen(project: Path | None) -> tuple[Bind, ...]:
    return (Bind(source=str(project), inside=str(project)),) if project else ()


@contextlib.contextmanager
def _changes(root: EmulatedRoot, keep: str | None, directory: Path, context: Context) -> Iterator[Path]:
    """Yield the directory that takes changes: one of the run, or one that is kept."""
    if keep is None:
        yield directory
        return
    if not keep.replace("-", "").replace("_", "").replace(".", "").isalnum() or keep.startswith("."):
        raise UsageError(
            f"{keep!r} is no name for changes that are kept",
            cause="it becomes the name of a directory",
            action="use letters, digits, '-', '_' and '.'",
        )
    kept = roots_dir(context) / "kept" / root.request.target.name / keep
    fs.make_directory(kept)
    fs.write_if_changed(kept / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)
    lower = kept / _LOWER_NAME
    digest = f"{root.digest}-copy" if root.tracer else root.digest
    if lower.is_file() and lower.read_text(encoding="utf-8") != digest:
        raise RootError(
            f"the changes {keep!r} were made to another root ({lower.read_text(encoding='utf-8')}, not {digest})",
            cause="other packages, another suite, or newer versions of the packages",
            action="give the options of that root, or another name; `root destroy` removes roots and changes",
        )
    try:
        with filelock.FileLock(kept / "lock", timeout=0):
            lower.write_text(digest, encoding="utf-8")
            yield kept
    except filelock.Timeout as error:
        raise RootError(
            f"the changes {keep!r} are in use",
            cause="another run with the same --keep has not ended",
            action="wait for it, or use another name",
        ) from error


def _binds(root: EmulatedRoot, changes: Path, directory: Path, context: Context, *, network: bool) -> tuple[Bind, ...]:
    caches = fs.make_directory(roots_dir(context) / "caches")
    archives = fs.make_directory(roots_dir(context) / "archives" / root.request.target.name / "partial").parent
    binds = [
        Bind(source=str(caches), inside=_CACHES_INSIDE),
        Bind(source=str(archives), inside="/var/cache/apt/archives"),
    ]
    if network:
        found = (Path("/etc/resolv.conf"), Path("/etc/hosts"))
        binds += [Bind(source=str(path.resolve()), inside=str(path), read_only=True) for path in found if path.exists()]
        if _AUTHORITIES.is_file():
            binds.append(Bind(source=str(_AUTHORITIES.resolve()), inside=_AUTHORITIES_INSIDE, read_only=True))
    if root.tools:
        binds += native.binds(root.tools, (root.rootfs, changes / "upper"), directory)
    return tuple(binds)


def _environment(root: EmulatedRoot, context: Context, *, network: bool) -> dict[str, str]:
    env = enter.environment(context.environ)
    if network and _AUTHORITIES.is_file():
        env |= dict.fromkeys(_AUTHORITY_VARIABLES, _AUTHORITIES_INSIDE)
    env |= {
        "CCACHE_DIR": f"{_CACHES_INSIDE}/ccache",
        "SCCACHE_DIR": f"{_CACHES_INSIDE}/sccache",
        "CARGO_HOME": CARGO_HOME_INSIDE,
    }
    if root.emulator:
        # The default model is slow: it computes pointer authentication.
        env["QEMU_CPU"] = root.request.target.qemu_cpu
    if root.tools:
        env["PATH"] = native.path(env["PATH"])
        # All switches look alike; what they start is told by the directory's name.
        env["CCACHE_COMPILERCHECK"] = f"string:{root.tools.directory.name}"
    return env
