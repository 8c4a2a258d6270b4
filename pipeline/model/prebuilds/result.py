"""What ``prebuild`` made, and what that took."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.model.findings import Finding
from pipeline.model.prebuilds.manifest import Prebuild
from pipeline.model.spec.prebuilds import Style


@dataclasses.dataclass(frozen=True, kw_only=True)
class MadePrebuild:
    """One prebuild, what it took, and whether it was run."""

    prebuild: Prebuild
    compiler: str
    """Who compiled it, with version and target."""
    cpu_s: float
    """User and system seconds of the compilers."""
    duration_s: float
    trial_s: float | None
    """Seconds that it took to load the addon, or to run the probe; None: it was not run."""
    emulated: bool
    """Whether an emulator ran it."""
    findings: tuple[Finding, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NpmPackageFile:
    """A package that npm packed."""

    style: Style
    path: Path
    size_bytes: int
    unpacked_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrebuildResult:
    """All that came of one recipe."""

    name: str
    version: str
    directory: Path
    index: Path
    archives: tuple[Path, ...]
    packages: tuple[NpmPackageFile, ...]
    made: tuple[MadePrebuild, ...]
    taken: tuple[str, ...]
    """Paths of those that other runs had made."""

    def to_json(self) -> dict[str, object]:
        """Return the value that ``--json`` prints."""
        return {
            "name": self.name,
            "version": self.version,
            "directory": str(self.directory),
            "index": str(self.index),
            "archives": [str(path) for path in self.archives],
            "packages": [dataclasses.asdict(package) | {"path": str(package.path)} for package in self.packages],
            "made": [_made_json(item) for item in self.made],
            "taken": list(self.taken),
        }


def _made_json(item: MadePrebuild) -> dict[str, object]:
    return {
        "prebuild": item.prebuild.model_dump(mode="json", exclude_none=True),
        "compiler": item.compiler,
        "cpu_s": round(item.cpu_s, 2),
        "duration_s": round(item.duration_s, 2),
        "trial_s": None if item.trial_s is None else round(item.trial_s, 2),
        "emulated": item.emulated,
        "findings": [finding.model_dump(mode="json", exclude_none=True) for finding in item.findings],
    }
