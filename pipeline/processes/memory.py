"""How many compilers run at once within the machine's memory, and how it shows that there was not enough."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.errors import MemoryShortError

GROUPS_DIR = "sys/fs/cgroup"
_KILLED = re.compile(
    r"\(signal: 9, SIGKILL: kill\)"
    r"|LLVM ERROR: out of memory"
    r"|memory allocation of \d+ bytes failed"
    r"|[Cc]annot allocate memory"
    r"|terminated with signal 9"
    r"|unable to execute command: Killed"
    r"|\bKilled\s*$",
    re.MULTILINE,
)
"""What Cargo, rustc, LLVM, Clang and shells say when memory is short; the kernel kills with signal 9."""
_KILLED_EXIT_CODE = 128 + 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """What a step with parallel jobs takes."""

    what: str
    """Such as ``compiling V8``."""
    job_bytes: int
    """What one job may take."""
    largest_bytes: int = 0
    """What the largest single job takes, such as the last one, which links and, with LTO, optimises everything."""
    lower: str = ""
    """What else but the jobs can be lowered."""

    def bytes_for(self, jobs: int) -> int:
        """Return what *jobs* jobs may take together, the largest among them."""
        return max(self.job_bytes, self.largest_bytes) + (jobs - 1) * self.job_bytes

    def fitting(self, available_bytes: int) -> int:
        """Return how many jobs fit."""
        left = available_bytes - max(self.job_bytes, self.largest_bytes)
        return 0 if left < 0 else 1 + left // self.job_bytes


def choose_jobs(need: Need, *, wanted: int | None, cores: int, available_bytes: int | None) -> int:
    """Return how many jobs may run at once: as many as were asked for, else one a core as far as memory goes.

    Raises MemoryShortError when what was asked for, or a single job, does not fit.
    """
    fitting = cores if available_bytes is None else need.fitting(available_bytes)
    jobs = wanted or min(cores, max(fitting, 1))
    if available_bytes is None or jobs <= fitting:
        return jobs
    raise MemoryShortError(
        f"{need.what} with {jobs} job{'s' if jobs > 1 else ''} takes about {need.bytes_for(jobs) / 1e9:.1f} GB of "
        f"memory, and {max(available_bytes, 0) / 1e9:.1f} GB are free",
        cause=f"{_why(need)}; without enough the system kills them",
        action=f"give --jobs {fitting}" if fitting else _instead(need),
    )


def killed_error(need: Need, *, jobs: int | None, details: str) -> MemoryShortError:
    """Return the error for a compiler that the system ended."""
    fewer = f"--jobs {max(1, jobs // 2)}" if jobs and jobs > 1 else "--jobs 1" if jobs is None else ""
    lower = ", or ".join(filter(None, (f"give {fewer}" if fewer else "", need.lower)))
    return MemoryShortError(
        f"a compiler was ended for lack of memory while {need.what}",
        cause="the machine, its control group or a limit had no memory left for all that ran at once",
        action=f"{lower or _instead(need)}; what was finished is kept, and the next run goes on from there",
        details=details,
    )


def shows_shortage(said: str, exit_code: int) -> bool:
    """Tell whether a program that failed, or what it started, had too little memory."""
    return exit_code == _KILLED_EXIT_CODE or _KILLED.search(said) is not None


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return what processes may still take: of the machine or of our control groups, the smallest; None: unknown."""
    return min((figure for figure in (_machine(root), *_groups(root)) if figure is not None), default=None)


def _why(need: Need) -> str:
    each = f"each compiler or linker may need {need.job_bytes / 1e9:.1f} GB"
    return f"{each}, the largest {need.largest_bytes / 1e9:.1f} GB" if need.largest_bytes > need.job_bytes else each


def _instead(need: Need) -> str:
    other = "end other programs, or use a machine with more memory"
    return f"{need.lower}; or {other}" if need.lower else other


def _machine(root: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _groups(root: Path) -> Iterator[int | None]:
    """Yield what is left in our control group and in each one above it (cgroups(7), version 2)."""
    own = PurePosixPath()
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::/") and ".." not in line:
                own = PurePosixPath(line.removeprefix("0::/"))
    for group in (own, *own.parents):
        yield _left(root / GROUPS_DIR / group)


def _left(group: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            return int(limit) - int((group / "memory.current").read_text(encoding="ascii")) + _reclaimable(group)
    return None


def _reclaimable(group: Path) -> int:
    """Return what the kernel gives back by itself: files that it keeps in memory, which a build has many of."""
    with contextlib.suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    return 0
