"""What is to be installed, and what came of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.installing.choice import Machine
from pipeline.installing.fallback import Build
from pipeline.model.prebuilds.manifest import Probe


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstallRequest:
    """What is to be installed, and from where."""

    location: str
    """Address, file or directory of an index; or of a zip that has none, where ``{triple}`` is the machine's."""
    into: Path
    names: tuple[str, ...] = ()
    """Addons and programs of the index; empty: all."""
    machine: Machine | None = None
    """Another machine than this one; nothing is run for it."""
    mirrors: tuple[str, ...] = ()
    """Addresses below which the same files lie; asked first."""
    hosts: tuple[str, ...] = ()
    """Further hosts that may be asked."""
    lock: Path | None = None
    frozen: bool = False
    update_lock: bool = False
    probe: bool = True
    node: Path | None = None
    """Node that addons are tried with; None: the one on the PATH."""
    build: Build | None = None
    sha256: str | None = None
    """Of the zip, where the location is one."""
    zip_probe: Probe | None = None
    """What shows that a program of such a zip works."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installed:
    """One addon or program that is in place, and works as far as it could be tried."""

    name: str
    version: str
    path: Path
    how: str
    """``installed``, ``present`` (it was there already), ``named`` by a variable, or ``built``."""
    prebuild: str | None = None
    """Path of the candidate in the index."""
    reasons: tuple[str, ...] = ()
    """Why other candidates were not taken."""
    probed: bool = False
    duration_s: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return dataclasses.asdict(self) | {"path": str(self.path), "reasons": list(self.reasons)}
