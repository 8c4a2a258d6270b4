"""What a toolchain is asked to be, and where the machine is described."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from pipeline.apt.sources import AptSettings
from pipeline.errors import ToolboxError
from pipeline.model.build import ToolchainMode
from pipeline.model.target import Target, target_of_machine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """Where this machine tells what it is."""

    os_release_path: Path = Path("/etc/os-release")
    apt_dir: Path = Path("/etc/apt")
    kernel_machine: str = dataclasses.field(default_factory=lambda: os.uname().machine)
    root: Path = Path("/")
    """Root of the machine's own headers and libraries."""

    def host(self) -> Target:
        """Return the row of the machine's own architecture; raises ToolboxError when there is none."""
        target = target_of_machine(self.kernel_machine)
        if target is None:
            raise ToolboxError(
                f"no toolchain can be made on a machine of kind {self.kernel_machine!r}",
                cause="the table of targets has no row for this architecture",
                action="build on an x86-64 or arm64 machine",
            )
        return target


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolboxInputs:
    """What the toolbox is made for."""

    target: Target
    suite: str | None = None
    """Codename of the release whose headers and libraries the sysroot holds; None: the machine's own."""
    sysroot_packages: tuple[str, ...] = ()
    """Packages that the runtime needs beside the C and C++ libraries."""
    tool_packages: tuple[str, ...] = ()
    """Packages of further programs for the build host; ``{llvm}`` stands for the major version of Clang."""
    llvm_major: int | None = None
    """The only major version of Clang and lld that will do; None: whichever is preferred."""
    mode: ToolchainMode = "auto"
    settings: AptSettings | None = None
    """None: read from the environment's ``SNAPSTITCH_APT_…`` variables."""
    machine: Machine = dataclasses.field(default_factory=Machine)
