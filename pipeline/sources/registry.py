"""Published packages, complete with their own ``Cargo.lock``, got by Cargo itself.

``cargo info NAME@VERSION`` downloads and unpacks a package without resolving its dependencies, so the user's
registry configuration (source replacement, sparse or git indexes, proxies, credentials) applies. It works in a
Cargo home of its own that is empty: a package that lies in the user's home already would not be compared with its
checksum again, one that is downloaded is. The user's configuration and credentials are given to it.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.errors import IntegrityError, NetworkError, PipelineError, SourceError, ToolboxError
from pipeline.processes import proc

OLDEST_CARGO = "1.82"
"""First Cargo with ``cargo info`` (its changelog)."""
TIMEOUT_S = 600.0
MAX_INDEX_BYTES = 64 * 1024 * 1024
"""Entry of a package with some hundred versions and features: 1 MB."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?")
_NEAR = 3
# Without it `cargo info` refuses to work where crates.io is replaced; with it the replacement is used.
_REGISTRY = ("--registry", "crates-io")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrateOrder:
    """A package to get."""

    name: str
    version: str
    cargo: Path
    env: Mapping[str, str]
    """Whole environment for Cargo."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchedCrate:
    """A package that Cargo has downloaded, compared with the registry's checksum, and unpacked."""

    tree: Path
    sha256: str
    """Digest of the ``.crate`` file, as ``Cargo.lock`` has it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A version of a package, as the registry's index lists it."""

    version: str
    yanked: bool = False
    rust: str | None = None
    """Oldest Rust that compiles it, where its manifest says so."""


def published(order: CrateOrder, work_dir: Path) -> tuple[Published, ...]:
    """Return the versions of a package; *order* names any version, which need not exist.

    ``cargo info`` brings the index's entry for the package into Cargo's own cache, where it is read. A registry without
    that cache, such as one in a directory, shows its newest version only. Raises like ``fetched``.
    """
    _check_names(order)
    fs.make_directory(work_dir)
    with fs.explained(work_dir), tempfile.TemporaryDirectory(prefix=".cargo-", dir=work_dir) as scratch:
        home = _private_home(Path(scratch), order.env)
        command = _command(order, Path(scratch), home, package=order.name)
        completed = proc.run(command)
        if completed.exit_code != 0 or completed.timed_out:
            raise _named(order, command, completed, home)
        return _indexed(order.name, home) or _newest_in(completed.text)


@contextlib.contextmanager
def fetched(order: CrateOrder, work_dir: Path) -> Iterator[FetchedCrate]:
    """Download and unpack a package below *work_dir*; it is gone when the block ends, unless it was moved away.

    Raises SourceError for a name or version that the registry does not have, NetworkError, IntegrityError when
    the checksum is wrong, ToolboxError for a Cargo that is too old.
    """
    _check_names(order)
    fs.make_directory(work_dir)
    with fs.explained(work_dir), tempfile.TemporaryDirectory(prefix=".cargo-", dir=work_dir) as scratch:
        home = _private_home(Path(scratch), order.env)
        command = _command(order, Path(scratch), home, package=f"{order.name}@{order.version}")
        completed = proc.run(command)
        if completed.exit_code != 0 or completed.timed_out:
            raise _named(order, command, completed, home)
        yield FetchedCrate(
            tree=_only(home / "registry" / "src", f"{order.name}-{order.version}", order),
            sha256=fs.sha256_file(_only(home / "registry" / "cache", f"{order.name}-{order.version}.crate", order)),
        )


def _private_home(scratch: Path, env: Mapping[str, str]) -> Path:
    home = scratch / "home"
    home.mkdir()
    for name in ("credentials.toml", "credentials"):
        theirs = user_home(env) / name
        if theirs.is_file():
            (home / name).symlink_to(theirs)
    return home


def _command(order: CrateOrder, scratch: Path, home: Path, *, package: str) -> proc.Command:
    theirs = (user_home(order.env) / name for name in ("config.toml", "config"))
    # By argument instead of a link in the private home: relative paths in it begin at its own directory.
    configuration = next((("--config", str(path)) for path in theirs if path.is_file()), ())
    workspace = scratch / "workspace"
    workspace.mkdir()
    (workspace / "Cargo.toml").write_text("[workspace]\n")  # or Cargo would look for one in the directories above
    return proc.Command(
        argv=(str(order.cargo), *configuration, "info", "--color=never", *_REGISTRY, package),
        env={**order.env, "CARGO_HOME": str(home)},
        cwd=workspace,
        timeout_s=TIMEOUT_S,
    )


def user_home(env: Mapping[str, str]) -> Path:
    """Return where Cargo keeps what it fetched (CARGO_HOME, or ``~/.cargo``)."""
    return Path(env.get("CARGO_HOME") or os.path.join(env.get("HOME", "/nonexistent"), ".cargo"))  # noqa: PTH118


def _only(parent: Path, name: str, order: CrateOrder) -> Path:
    found = list(parent.glob(f"*/{name}"))
    if len(found) != 1:
        raise SourceError(
            f"Cargo says that it has {order.name} {order.version}, but left {len(found)} copies of {name}",
            cause="the registry is replaced by a directory of vendored packages, or Cargo keeps packages elsewhere",
            action="unpack the package yourself, and give its directory as a source of kind `path`",
        )
    return found[0]


def _check_names(order: CrateOrder) -> None:
    if _NAME.fullmatch(order.name) and _VERSION.fullmatch(order.version):
        return
    raise SourceError(
        f"{order.name!r} {order.version!r} is no package of a registry",
        cause="a misspelt name, or a version that is not exact",
        action="give the exact version, such as 2.4.5",
    )


def _named(order: CrateOrder, command: proc.Command, completed: proc.Completed, home: Path) -> PipelineError:
    """Return the error that Cargo's words mean."""
    words = completed.stderr.decode(errors="replace")
    if "could not find" in words and "in registry" in words:
        return _unknown(order, _published(order.name, home))
    if "failed to verify the checksum" in words:
        return IntegrityError(
            f"{order.name} {order.version} is not what the registry's checksum says",
            cause="the download was altered, or a mirror is damaged",
            action="try again; if it stays so, use another mirror",
            details=words,
        )
    if "no such command" in words or "no such subcommand" in words:
        return ToolboxError(
            f"{order.cargo} has no `cargo info`",
            cause=f"it is older than Cargo {OLDEST_CARGO}",
            action="use the private toolbox (--toolchain private)",
        )
    if completed.timed_out or "failed to download" in words or "failed to query" in words or "Caused by:" in words:
        return NetworkError(
            f"Cargo cannot fetch {order.name} {order.version}",
            cause="no network, a proxy that is not set, or a registry in trouble",
            action="run the same command again when `cargo info` works; see Cargo's own words above",
            details=words,
        )
    return proc.failure(command, completed)


def _published(name: str, home: Path) -> list[str]:
    """Return the versions that Cargo saw in the index while it looked; empty where they cannot be read.

    Cargo's index cache has no promised format, so this only makes a message better.
    """
    versions: set[str] = set()
    for path in (home / "registry" / "index").glob("*/.cache/**/" + name.lower()):
        versions |= {found.decode() for found in re.findall(rb'"vers": ?"([0-9A-Za-z.+-]{1,64})"', path.read_bytes())}
    return sorted(versions, key=_order)


def _indexed(name: str, home: Path) -> tuple[Published, ...]:
    """Return what Cargo's cache of the index says: entries as in the index, with other bytes between them.

    https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema; cargo/sources/registry/index/cache.rs
    """
    found: dict[str, Published] = {}
    for path in (home / "registry" / "index").glob("*/.cache/**/" + name.lower()):
        for part in path.read_bytes()[:MAX_INDEX_BYTES].split(b"\0"):
            entry = _entry(part)
            if entry is not None and _VERSION.fullmatch(entry.version):
                found[entry.version] = entry
    return tuple(found.values())


def _entry(part: bytes) -> Published | None:
    if not part.startswith(b"{"):
        return None
    try:
        entry = json.loads(part)
        return Published(version=str(entry["vers"]), yanked=bool(entry.get("yanked")), rust=entry.get("rust_version"))
    except (ValueError, KeyError, AttributeError):
        return None


def _newest_in(words: str) -> tuple[Published, ...]:
    """Return the version that ``cargo info`` itself chose: of the newest ones, one that is not yanked."""
    shown = re.search(r"^version: (\S+)", words, re.MULTILINE)
    return (Published(version=shown[1]),) if shown and _VERSION.fullmatch(shown[1]) else ()


def _order(version: str) -> tuple[tuple[int, ...], bool, str]:
    release, _dash, rest = version.partition("-")
    return tuple(int(part) for part in re.findall(r"[0-9]+", release.partition("+")[0])), not rest, rest


def _unknown(order: CrateOrder, published: list[str]) -> SourceError:
    if not published:
        return SourceError(
            f"the registry has no package {order.name!r}",
            cause="a misspelt name, or a registry that is replaced by one without it",
            action="look for the name with `cargo search`, and correct it in releases.toml",
        )
    at = bisect.bisect([_order(version) for version in published], _order(order.version))
    near = published[max(at - _NEAR, 0) : at + _NEAR]
    newest = [] if published[-1] in near else [published[-1]]
    return SourceError(
        f"the registry has no {order.name} {order.version}; near ones are {', '.join([*near, *newest])}",
        cause="the version was never published as a package, or the mirror is behind",
        action="choose one of these in releases.toml",
    )
