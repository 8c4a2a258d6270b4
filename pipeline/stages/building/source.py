"""Get the source of a runtime: a directory as it is, a published package, or one commit of a repository.

What is fetched lies in the cache, whole or not at all, with a digest of its content, and is read-only: builds work
on overlays. It is compared with that digest each time, and fetched again when it was changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import IntegrityError, NetworkError, SourceError, ToolboxError
from pipeline.model.events import Where
from pipeline.model.spec.origins import GitSource, PathSource, RegistrySource, Source
from pipeline.processes import proc
from pipeline.sources import git, registry

_RECORD_NAME = "source.json"
_Record = dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceInputs:
    """Which source is wanted, and what gets it."""

    source: Source
    cargo: Path | None = None
    """Cargo 1.82 or later; needed for packages of a registry."""
    cargo_env: Mapping[str, str] | None = None
    """Whole environment for Cargo; None for the caller's own."""
    git_mirror: str | None = None
    """Where to fetch a commit from instead of the source's address: a mirror or a local clone."""
    sha256: str | None = None
    """Digest that a package must have, where it is pinned."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceTree:
    """A source that lies on this machine."""

    path: Path
    digest: str | None
    """SHA-256 of the published ``.crate`` file, ``git-tree:<name>`` of a commit; None for a directory as it is."""
    revision: str | None
    """Version of a package, name of a commit; None for a directory."""


def run(inputs: SourceInputs, context: Context) -> SourceTree:
    """Get the source.

    Raises SourceError when it does not exist, NetworkError when it must be fetched and cannot be, IntegrityError
    when it is not what it should be, ToolboxError without the program that fetches it.
    """
    match inputs.source:
        case PathSource(path=path):
            return _directory(path)
        case RegistrySource() as wanted:
            return _package(wanted, inputs, context)
        case GitSource() as wanted:
            return _commit(wanted, inputs, context)
        case _ as never:
            assert_never(never)


def _directory(path: Path) -> SourceTree:
    if not path.is_dir():
        raise SourceError(
            f"there is no directory {path}",
            cause="a misspelt path; in releases.toml a relative one begins at that file",
            action="correct source.path (or --path)",
        )
    return SourceTree(path=path.resolve(), digest=None, revision=None)


def _package(wanted: RegistrySource, inputs: SourceInputs, context: Context) -> SourceTree:
    name, version = wanted.package, wanted.version
    sources = context.cache_dir / "sources"
    with fs.locked(sources / f".{name}-{version}.lock"):
        kept = _kept(sources, f"{name}-{version}-", {"package": name, "version": version}, context)
        if kept is None:
            _refuse_offline(f"{name} {version}", context)
            kept = _fetch_package(_crate_order(wanted, inputs, context), sources, context)
    _check_pin(wanted, kept, inputs.sha256)
    return kept


def _crate_order(wanted: RegistrySource, inputs: SourceInputs, context: Context) -> registry.CrateOrder:
    if inputs.cargo is None:
        raise ToolboxError(
            f"{wanted.package} {wanted.version} comes from a registry, and there is no Cargo to fetch it",
            cause="the toolbox was not assembled first",
            action="run `python -m pipeline doctor`, which names missing programs",
        )
    env = inputs.cargo_env if inputs.cargo_env is not None else proc.base_environment(context.environ)
    return registry.CrateOrder(name=wanted.package, version=wanted.version, cargo=inputs.cargo, env=env)


def _fetch_package(order: registry.CrateOrder, sources: Path, context: Context) -> SourceTree:
    stem = f"{order.name}-{order.version}"
    with (
        context.reporter.step(f"fetch {order.name} {order.version}", where=Where.NETWORK) as step,
        registry.fetched(order, sources) as crate,
    ):
        step.detail(f"sha256 {crate.sha256}")
        record = {"package": order.name, "version": order.version, "digest": crate.sha256, "revision": order.version}

        def fill(tree: Path) -> _Record:
            crate.tree.rename(tree)
            return record

        return _keep(sources / f"{stem}-{crate.sha256[:16]}", stem, fill)


def _check_pin(wanted: RegistrySource, tree: SourceTree, sha256: str | None) -> None:
    if sha256 is not None and tree.digest != sha256:
        raise IntegrityError(
            f"{wanted.package} {wanted.version} has the SHA-256 {tree.digest} instead of {sha256}",
            cause="the registry (or the mirror in its place) has other content than the one that was pinned",
            action="find out which is right before you change the pin",
        )


def _commit(wanted: GitSource, inputs: SourceInputs, context: Context) -> SourceTree:
    order = git.CommitOrder(url=inputs.git_mirror or wanted.url, revision=wanted.rev, environ=context.environ)
    sources = context.cache_dir / "sources"
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", wanted.url.rstrip("/").rpartition("/")[2].removesuffix(".git")) or "git"
    final = sources / f"{stem}-{wanted.rev[:16]}"
    with fs.locked_beside(final, hidden=True):
        kept = _kept(sources, final.name, {"revision": wanted.rev}, context)
        if kept is not None:
            return kept
        if not order.is_local:
            _refuse_offline(f"{order.shown_url} at {wanted.rev}", context)

        def fill(tree: Path) -> _Record:
            tree.mkdir()
            return {"digest": f"git-tree:{git.check_out(order, tree)}", "revision": wanted.rev}

        with context.reporter.step(f"fetch {stem} at {wanted.rev[:12]}", where=Where.NETWORK):
            return _keep(final, stem, fill)


def _keep(final: Path, stem: str, fill: Callable[[Path], _Record]) -> SourceTree:
    """Let *fill* make a tree in the cache; it appears whole, read-only, with a record of its content."""
    with fs.atomic_directory(final) as staging:
        tree = staging / stem
        record = {**fill(tree), "tree": stem}
        record["content_sha256"] = _content_digest(tree)
        _make_read_only(tree)
        (staging / _RECORD_NAME).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return SourceTree(path=final / stem, digest=record["digest"], revision=record["revision"])


def _kept(sources: Path, prefix: str, wanted: _Record, context: Context) -> SourceTree | None:
    """Return an unchanged tree that an earlier run has left, else None."""
    for directory in sorted(sources.glob(f"{prefix}*")):
        try:
            record = json.loads((directory / _RECORD_NAME).read_text(encoding="utf-8"))
            tree = directory / str(record["tree"])
            fits = all(record.get(name) == value for name, value in wanted.items())
            if fits and _content_digest(tree) == record["content_sha256"]:
                return SourceTree(path=tree, digest=record["digest"], revision=record["revision"])
        except (OSError, ValueError, KeyError, TypeError):
            fits = True
        if fits:
            context.reporter.warn(f"{directory} was changed since it was fetched; it is not used")
    return None


def _content_digest(tree: Path) -> str:
    """Return a digest of names, kinds and contents; a repository's own files are left out, git checks them."""
    digest = hashlib.sha256()
    for directory, names, files in os.walk(tree):
        names[:] = sorted(name for name in names if name != ".git")
        for name in sorted([*files, *(n for n in names if Path(directory, n).is_symlink())]):
            path = Path(directory, name)
            content = os.readlink(path) if path.is_symlink() else fs.sha256_file(path)  # noqa: PTH115 - as it is written
            runs = not path.is_symlink() and bool(path.stat().st_mode & stat.S_IXUSR)
            digest.update(json.dumps([path.relative_to(tree).as_posix(), path.is_symlink(), runs, content]).encode())
    return digest.hexdigest()


def _make_read_only(tree: Path) -> None:
    for directory, _names, files in os.walk(tree, topdown=False):
        for path in [*(Path(directory, name) for name in files), Path(directory)]:
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def _refuse_offline(what: str, context: Context) -> None:
    if context.offline:
        raise NetworkError(
            f"offline, and {what} is not in the cache",
            cause="it was never fetched, or the cache is another one",
            action="run once without --offline",
        )
