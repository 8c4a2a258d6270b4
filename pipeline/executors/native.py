"""Runs programs of the target as they are, where the build host is the target."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

from pipeline.elf.reader import is_elf, read_elf
from pipeline.executors.local import probe_local, run_local
from pipeline.executors.rooted import run_rooted
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target

_LIBRARY_DIRS = ("usr/lib/{gnu}", "lib/{gnu}", "usr/lib", "lib")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeExecutor:
    """Starts programs through the sysroot's own loader, so that they see the target's libraries, not the machine's."""

    sysroot: Path
    target: Target
    interpreter: str | None = None
    """Path of the loader in the sysroot, where it is not the target's usual one, such as musl's."""

    @property
    def identity(self) -> ExecutorIdentity:
        """Return who this is, for the build record."""
        return ExecutorIdentity(name="native", version=platform.release(), cpu_model=platform.machine(), emulated=False)

    def prefix(self) -> tuple[str, ...]:
        """Return the loader of the sysroot with its library path."""
        loader = self.sysroot / (self.interpreter or self.target.interpreter).lstrip("/")
        dirs = (self.sysroot / part.format(gnu=self.target.gnu_triple) for part in _LIBRARY_DIRS)
        return (str(loader), "--library-path", ":".join(str(path) for path in dirs if path.is_dir()))

    def probe(self, target: Target) -> Availability:
        """Run a tiny program of *target* on this very processor."""
        if target != self.target:
            return Availability(available=False, reason=f"native: set up for {self.target.name} programs only")
        return probe_local((), target, "native")

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request on this processor.

        Raises ExecutorUnavailableError when it cannot be started.
        """
        if request.root is not None:
            return run_rooted(request, self.identity)
        prefix = () if _is_static(Path(request.argv[0])) else self.prefix()
        return run_local(prefix, request, self.identity)


def _is_static(program: Path) -> bool:
    """Tell whether a program has no use for a loader: musl's would not start it."""
    return is_elf(program) and read_elf(program).interpreter is None
