"""Which packages a toolchain takes, resolved to exact files and remembered."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath
from typing import Final

import pydantic

from pipeline import fs
from pipeline.context import Context
from pipeline.model.distribution import RustFlavour
from pipeline.model.package import Package
from pipeline.toolchains.remembered import read_remembered

SCHEMA: Final = 2
"""Number of the recipe; another one makes other prefixes even from the same packages."""
FRESH_S: Final = 7 * 86400.0
"""A remembered resolution is used this long without asking the mirror."""
DEGRADED_FRESH_S: Final = 86400.0
"""The same for one that was made without some suite."""
GROUPS: Final = ("llvm", "rust", "qemu", "patchelf", "libc")


class Plan(pydantic.BaseModel):
    """The exact packages of one target's toolchain, and where its programs lie in them."""

    model_config = pydantic.ConfigDict(frozen=True)

    created_at: float
    """Unix time of the resolution."""
    tools: tuple[Package, ...]
    """For the build host; empty when the machine has everything."""
    sysroot: tuple[Package, ...]
    llvm_bin: PurePosixPath | None
    """Directory of clang, below the root of the tools; None: the machine's own is used."""
    rust: RustFlavour | None
    """None: the machine's own is used."""
    named: tuple[str, ...]
    """Packages that were asked for by name, for the build record."""
    without: tuple[str, ...]
    """Suites that could not be had; a plan without some is used for a shorter time."""

    def is_fresh(self) -> bool:
        """Tell whether the plan may be used without asking the mirror for newer packages."""
        return time.time() - self.created_at < (DEGRADED_FRESH_S if self.without else FRESH_S)

    @property
    def tools_digest(self) -> str:
        """Return the SHA-256 over the exact packages of the tools."""
        return _digest(self.tools)

    @property
    def sysroot_digest(self) -> str:
        """Return the SHA-256 over the exact packages of the sysroot."""
        return _digest(self.sysroot)


def _digest(packages: tuple[Package, ...]) -> str:
    return fs.sha256_json([SCHEMA, *sorted(package.identity for package in packages)])


def toolbox_dir(context: Context) -> Path:
    """Return the directory of everything that this package makes."""
    return context.cache_dir / "toolbox"


def read_plan(path: Path) -> Plan | None:
    """Return the plan that *path* remembers, None when there is none that this version understands."""
    return read_remembered(path, Plan)
