"""Runs a command and says what it took: the clock, processor seconds of all its processes, its largest process."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MEBIBYTE = 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """What one run took."""

    wall_s: float
    cpu_s: float
    """User and system seconds of the command and of all that it waited for."""
    peak_memory_mb: float
    """Of the largest process."""
    exit_code: int
    stdout: str


def measured(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Usage:
    """Run a command with nothing on its standard input; what it says on standard error goes to *log*."""
    started = time.monotonic()
    with log.open("ab") as errors:
        child = subprocess.Popen(
            argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert child.stdout is not None
        stdout = child.stdout.read()
        # Popen.wait would reap it without its usage.
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdout.close()
    return Usage(
        wall_s=round(time.monotonic() - started, 2),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 2),
        # Linux counts ru_maxrss in KiB: getrusage(2).
        peak_memory_mb=round(usage.ru_maxrss * 1024 / MEBIBYTE, 1),
        exit_code=child.returncode,
        stdout=stdout,
    )


def median_of(rounds: int, run: Callable[[], Usage]) -> tuple[Usage, ...]:
    """Run several rounds and return them, the one with the median of processor seconds first."""
    runs = sorted((run() for _ in range(rounds)), key=lambda usage: usage.cpu_s)
    middle = len(runs) // 2
    return (runs[middle], *runs[:middle], *runs[middle + 1 :])


def median(values: Sequence[float]) -> float:
    """Return the median, to hundredths."""
    return round(statistics.median(values), 2)


def describe_machine() -> dict[str, object]:
    """Return what the figures depend on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory_kib = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
    return {
        "processors": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_gib": round(memory_kib / MEBIBYTE),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
