"""Crates that lie elsewhere: in a local registry that stands in for crates.io, and in local repositories."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.processes import proc

_KINDS = {"dependencies": "normal", "build-dependencies": "build", "dev-dependencies": "dev"}
_AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@localhost",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@localhost",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shelf:
    """A registry in a directory (The Cargo Book, "Source Replacement", "Local Registry Sources"), and a Cargo home."""

    registry: Path
    cargo_home: Path

    @classmethod
    def at(cls, directory: Path) -> Shelf:
        """Make an empty one."""
        shelf = cls(registry=directory / "registry", cargo_home=directory / "cargo home")
        (shelf.registry / "index").mkdir(parents=True)
        shelf.cargo_home.mkdir()
        (shelf.cargo_home / "config.toml").write_text(
            '[source.crates-io]\nreplace-with = "shelf"\n'
            f"[source.shelf]\nlocal-registry = {json.dumps(str(shelf.registry))}\n"
        )
        return shelf

    def publish(self, files: Mapping[str, str]) -> None:
        """Put crates on the shelf; the first part of each name is the crate's directory."""
        for directory in sorted({name.partition("/")[0] for name in files}):
            own = {
                name.removeprefix(f"{directory}/"): text
                for name, text in files.items()
                if name.startswith(f"{directory}/")
            }
            self._publish(own)

    def _publish(self, files: Mapping[str, str]) -> None:
        manifest = tomllib.loads(files["Cargo.toml"])
        name, version = manifest["package"]["name"], manifest["package"]["version"]
        content = _packed(f"{name}-{version}", files)
        (self.registry / f"{name}-{version}.crate").write_bytes(content)
        entry = {
            "name": name,
            "vers": version,
            "deps": list(_dependencies(manifest)),
            "cksum": hashlib.sha256(content).hexdigest(),
            "features": manifest.get("features", {}),
            "links": manifest["package"].get("links"),
            "yanked": False,
        }
        # https://doc.rust-lang.org/cargo/reference/registry-index.html#index-files
        short = {1: "1", 2: "2", 3: f"3/{name[0]}"}
        index = self.registry / "index" / short.get(len(name), f"{name[:2]}/{name[2:4]}") / name
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")


def commit(directory: Path, files: Mapping[str, str]) -> str:
    """Make a repository of some files, and return the name of its commit."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    env = proc.base_environment(os.environ) | _AUTHOR
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        proc.check(proc.Command(argv=("git", *arguments), env=env, cwd=directory))
    return proc.check(proc.Command(argv=("git", "rev-parse", "HEAD"), env=env, cwd=directory)).text.strip()


def _packed(top: str, files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name, text in sorted(files.items()):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _dependencies(manifest: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    places = [(None, manifest), *manifest.get("target", {}).items()]
    for condition, table in places:
        for kind, written in _KINDS.items():
            for key, value in table.get(kind, {}).items():
                entry = value if isinstance(value, dict) else {"version": value}
                renamed = "package" in entry
                yield {
                    "name": key,
                    "package": entry["package"] if renamed else None,
                    "req": entry["version"],
                    "features": entry.get("features", []),
                    "optional": entry.get("optional", False),
                    "default_features": entry.get("default-features", True),
                    "target": condition,
                    "kind": written,
                }
