"""How many compilers run at once, within the machine's memory."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pipeline.errors import MemoryShortError

MEMORY_PER_JOB_BYTES = 1_200_000_000
"""What one step may take; the largest ones (linking mksnapshot, the interpreter's generators) are near it."""


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return what processes may still take: of the machine or of our control group, the smaller; None: unknown."""
    figures = [figure for figure in (_machine(root), _control_group(root)) if figure is not None]
    return min(figures, default=None)


def _machine(root: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _control_group(root: Path) -> int | None:
    group = root / "sys/fs/cgroup"
    with contextlib.suppress(OSError, ValueError):
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            return int(limit) - int((group / "memory.current").read_text(encoding="ascii"))
    return None


def choose_jobs(*, wanted: int | None, cores: int, available_bytes: int | None) -> int:
    """Return how many steps may run at once: as many as were asked for, else one a core as far as memory goes.

    Raises MemoryShortError when what was asked for, or a single step, does not fit.
    """
    fitting = cores if available_bytes is None else available_bytes // MEMORY_PER_JOB_BYTES
    jobs = wanted or min(cores, max(fitting, 1))
    if available_bytes is None or jobs <= fitting:
        return jobs
    need = jobs * MEMORY_PER_JOB_BYTES
    lower = f"give --jobs {fitting}" if fitting else "end other programs, or use a machine with more memory"
    raise MemoryShortError(
        f"compiling V8 with {jobs} job{'s' if jobs > 1 else ''} takes about {need / 1e9:.1f} GB of memory, "
        f"and {max(available_bytes, 0) / 1e9:.1f} GB are free",
        cause="each compiler or linker may need "
        f"{MEMORY_PER_JOB_BYTES / 1e9:.1f} GB; without enough the system kills them",
        action=lower,
    )
