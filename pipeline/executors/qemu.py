"""Runs programs of the target under QEMU's user-mode emulator, called directly: no binfmt, no root, no container."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.executors.local import probe_local, run_local
from pipeline.executors.rooted import run_rooted
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class QemuExecutor:
    """``qemu-<arch> -cpu MODEL -L SYSROOT program``."""

    program: Path
    version: str
    sysroot: Path
    """Where the emulator finds the target's loader and libraries (``-L``)."""
    cpu_model: str

    @property
    def identity(self) -> ExecutorIdentity:
        """Return who this is, for the build record."""
        return ExecutorIdentity(name="qemu", version=self.version, cpu_model=self.cpu_model, emulated=True)

    def prefix(self) -> tuple[str, ...]:
        """Return what stands before a target program's own arguments."""
        return (str(self.program), "-cpu", self.cpu_model, "-L", str(self.sysroot))

    def contained(self, request: ExecRequest) -> QemuExecutor:
        """Return the emulator for a container: a root of the request's own is the root directory there."""
        return self if request.root is None else dataclasses.replace(self, sysroot=Path("/"))

    def probe(self, target: Target) -> Availability:
        """Run a tiny program of *target* under the emulator."""
        return probe_local(self.prefix(), target, "qemu")

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request under the emulator.

        Raises ExecutorUnavailableError when the emulator cannot be started.
        """
        if request.root is not None:
            emulator = (str(self.program), "-cpu", self.cpu_model, "-L", "@ROOT@")
            return run_rooted(request, self.identity, emulator)
        return run_local(self.prefix(), request, self.identity)
