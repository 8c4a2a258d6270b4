"""What Cargo reads before it answers about a workspace: manifests, lock files, configuration, and names of sources.

Where it looks is in The Cargo Book: "Workspaces" (the root is searched upwards, members may be patterns),
"Specifying Dependencies" (``path``), "Configuration" (``.cargo/config.toml`` in every directory upwards, then in
Cargo's home), "Cargo Targets" (programs, examples, tests and benchmarks are found by their names). Published packages
never change; those of the workspace are followed here from manifest to manifest.
"""

from __future__ import annotations

import glob
import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_FOUND_BY_NAME = (
    "build.rs", "src/lib.rs", "src/main.rs",
    *(f"{place}/{name}" for place in ("src/bin", "examples", "tests", "benches") for name in ("*.rs", "*/main.rs")),
)  # fmt: skip
_CONFIG_NAMES = (".cargo/config.toml", ".cargo/config")
_NOT_FOLLOWED = frozenset({"include", "paths"})
"""Settings in configuration files that lead to more than is followed here."""
MAX_MANIFESTS = 5000


class NotFollowedError(Exception):
    """What Cargo reads cannot be told."""


def workspace_state(starts: Iterable[Path], *, cwd: Path, home: Path) -> list[list[str]]:
    """Return name and digest of all that an answer about the manifests *starts*, given in *cwd*, depends on.

    Absent files that would be read are named, too. Raises NotFollowedError.
    """
    seen = _Reading()
    configs = [directory / name for directory in (cwd, *cwd.parents) for name in _CONFIG_NAMES]
    for path in (*configs, home / "config.toml", home / "config"):
        _follow_config(path, seen)
    seen.pending += starts
    while seen.pending:
        # Cargo takes ".." out of paths by their text, too; without that, circles would have no end.
        _follow_manifest(Path(os.path.normpath(seen.pending.pop())), seen)
    return sorted([str(name), digest] for name, digest in seen.digests.items())


class _Reading:
    """What was read so far, and the manifests that are still to be read."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.pending: list[Path] = []

    def read(self, path: Path) -> dict[str, Any] | None:
        """Note the state of a TOML file; return its content, None where it is absent or was read before."""
        if str(path) in self.digests:
            return None
        content = _content(path)
        self.digests[str(path)] = _digest(content)
        if content is None:
            return None
        try:
            return tomllib.loads(content.decode())
        except ValueError as error:
            # Cargo will say what is wrong; only good answers are kept, so this is just asked again.
            raise NotFollowedError from error

    def list(self, directory: Path, patterns: Iterable[str]) -> list[str]:
        """Note, and return, the names that patterns, different ones from call to call, find in a directory."""
        root, patterns = str(directory), tuple(patterns)
        names = sorted(name for pattern in patterns for name in glob.glob(pattern, root_dir=root))  # noqa: PTH207 - takes "../x"
        self.digests[f"{root}/{{{','.join(patterns)}}}"] = _digest("\n".join(names).encode())
        return names


def _follow_config(path: Path, seen: _Reading) -> None:
    document = seen.read(path)
    if document is None:
        return
    if _NOT_FOLLOWED & document.keys() or _has_directory_source(document.get("source")):
        raise NotFollowedError
    # Paths in a configuration file begin at the directory that holds `.cargo`.
    seen.pending += (path.parent.parent / found / "Cargo.toml" for found in _paths_in(document.get("patch")))


def _has_directory_source(sources: object) -> bool:
    """Return whether packages come from a directory in which somebody may edit them."""
    tables = sources.values() if isinstance(sources, dict) else ()
    return any(isinstance(table, dict) and "directory" in table for table in tables)


def _follow_manifest(path: Path, seen: _Reading) -> None:
    document = seen.read(path)
    if document is None:
        return
    if len(seen.digests) > MAX_MANIFESTS:
        raise NotFollowedError
    directory = path.parent
    seen.digests[str(directory / "Cargo.lock")] = _digest(_content(directory / "Cargo.lock"))
    if "package" in document:
        seen.list(directory, _FOUND_BY_NAME)
    seen.pending += (above / "Cargo.toml" for above in directory.parents)
    workspace = document.get("workspace")
    members = workspace.get("members", ()) if isinstance(workspace, dict) else ()
    found = seen.list(directory, [f"{member}/Cargo.toml" for member in members])
    places = (*_paths_in(document), _root_of(document))
    seen.pending += (directory / name for name in (*found, *(f"{place}/Cargo.toml" for place in places if place)))


def _root_of(document: dict[str, Any]) -> str | None:
    package = document.get("package")
    named = package.get("workspace") if isinstance(package, dict) else None
    return named if isinstance(named, str) else None


def _paths_in(value: object) -> Iterator[str]:
    """Yield each ``path`` in the tables of *value*: of dependencies, but also of programs, which lead nowhere."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "path" and isinstance(inner, str):
                yield inner
            else:
                yield from _paths_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths_in(inner)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(content: bytes | None) -> str:
    return "absent" if content is None else hashlib.sha256(content).hexdigest()
