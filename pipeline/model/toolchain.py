"""The programs, the sysroot and the variables with which one target is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.model.package import Package
from pipeline.model.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tool:
    """One program or package that a build used, as the build record names it."""

    name: str
    version: str
    origin: str
    """``private`` (our own prefix), ``host`` (the machine's) or ``docker``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toolchain:
    """Everything that compiling for one target takes."""

    target: Target
    cargo: Path
    env: Mapping[str, str]
    """Variables for Cargo and what it starts: RUSTC, CARGO_TARGET_<T>_LINKER, CC_<t>, CXX_<t>, AR_<t>, …"""
    path_dirs: tuple[Path, ...]
    """Directories to put before the caller's PATH."""
    sysroot: Path
    """Root of the target's files: headers, libraries, dynamic loader."""
    qemu: Path
    """The user-mode emulator for the target (static, or runnable as it is)."""
    qemu_version: str
    patchelf: Path
    strip: Path
    tools: tuple[Tool, ...]
    digest: str
    """SHA-256 over the exact packages (name, version, digest) of tools and sysroot."""
    sysroot_packages: tuple[Package, ...] = ()
    """What the sysroot was unpacked from; empty when it is the machine's own."""
