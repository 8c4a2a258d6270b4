"""Emulated roots: what one is asked to be, and what is remembered of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import pydantic

from pipeline.model.package import Package
from pipeline.model.target import Target

EntryWay = Literal["namespaces", "proot"]
"""How a root is entered: namespaces with a binfmt_misc of their own, or ptrace."""
DEFAULT_PACKAGES = ("build-essential", "ca-certificates")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RootRequest:
    """A root that is wanted."""

    target: Target
    suite: str | None = None
    """Codename of the distribution's release; None: the machine's own."""
    packages: tuple[str, ...] = DEFAULT_PACKAGES
    """Beside what every system has."""
    archive: Path | None = None
    """A root file system in a tar file, instead of packages."""
    native: bool = True
    """Compilers and slow helpers run as programs of this machine."""
    way: EntryWay | None = None
    """How it is entered; None: as probing finds out."""
    native_perl: bool = False
    """Perl, too: right for what builds no Perl extension and uses none but those that come with Perl."""
    native_python: bool = False
    """Python, too: right for what imports no module written in C but those that come with Python."""


class RootPlan(pydantic.BaseModel):
    """The exact packages of a root and of the native tools in it."""

    model_config = pydantic.ConfigDict(frozen=True)

    created_at: float
    """Unix time of the resolution."""
    suite: str
    gcc: int
    """Major version of the release's GCC."""
    base: tuple[Package, ...]
    """The essential packages and what they need: unpacked first, so that scripts of others can run."""
    packages: tuple[Package, ...]
    """All packages of the root, those of *base* too."""
    tools: tuple[Package, ...]
    """For this machine, in the directory of native tools."""
    emulator: tuple[Package, ...]
    tracer: tuple[Package, ...] = ()
    """What enters the root where namespaces are not to be had."""
    apt_sources: str
    """Where the root's own apt gets packages from, in the format of sources.list(5)."""


class RootRecord(pydantic.BaseModel):
    """What lies in a finished root, as ``root.json`` beside it has it."""

    model_config = pydantic.ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    target: str
    digest: str
    suite: str | None = None
    packages: tuple[str, ...] = ()
    """``name=version`` of everything that is installed; empty for a root from an archive."""
    asked_for: tuple[str, ...] = ()
    archive: str | None = None
    made_in_s: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Emulator:
    """A static QEMU for one target."""

    path: Path
    target: Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeTools:
    """Programs of this machine for use in a root; they run at ``/.native`` only."""

    directory: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmulatedRoot:
    """A finished root with what entering it takes."""

    request: RootRequest
    digest: str
    directory: Path
    """Holds ``rootfs`` and ``root.json``; never changed once it is there."""
    emulator: Emulator | None
    """None where this machine runs the target's programs by itself."""
    tools: NativeTools | None
    tracer: Path | None = None
    """``proot``, where the root is entered by ptrace; None: by namespaces."""

    @property
    def rootfs(self) -> Path:
        """Return the directory that becomes ``/``."""
        return self.directory / "rootfs"
