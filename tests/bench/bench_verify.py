"""Measures ``verify --static-only`` on a program of 150 MB, as its user meets it: the official Node.js for x86-64.

    nox -s bench -- --only verify

Fetches its npm package (56 MB) once. The limits are those of docs/verify.md: 2 s, 200 MB.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.survey.programs import PROGRAMS, fetch

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / ".nox" / "survey"
LIMITS = {"wall_s": 2.0, "peak_memory_mb": 200}
# The kernel counts the memory of the process that started it, too, in what it tells of a child: it must say so itself.
_MEASURED = """
import json, sys, time
from pipeline.cli.main import main
code = main(sys.argv[1:])
peak_kib = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({"exit_code": code, "peak_kib": peak_kib, "cpu_s": time.process_time()}))
"""


def measure(rounds: int) -> dict[str, Any]:
    """Verify the program several times; return what each run took, the start of Python included."""
    (node,) = (p for p in PROGRAMS if (p.runtime, p.version, p.target) == ("node", "26.10.0", "amd64"))
    with tempfile.TemporaryDirectory(prefix="snapstitch-bench-") as directory:
        place = Path(directory)
        with tarfile.open(fetch(node, KEPT)) as archive:
            archive.extract(node.member, place, filter="data")
        program = place / node.member
        runs = [_run(program, place / "cache") for _ in range(rounds)]
        return {
            "program": str(node),
            "size_bytes": program.stat().st_size,
            "limits": LIMITS,
            "least_wall_s": min(run["wall_s"] for run in runs),
            "median_cpu_s": statistics.median(run["cpu_s"] for run in runs),
            "peak_memory_mb": max(run["peak_memory_mb"] for run in runs),
            "load": round(os.getloadavg()[0], 1),
            "rounds": runs,
        }


def _run(program: Path, cache: Path) -> dict[str, Any]:
    argv = [sys.executable, "-c", _MEASURED, "verify", "--static-only", "--cache-dir", str(cache), str(program)]
    started = time.monotonic()
    ended = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    wall_s = time.monotonic() - started
    said = json.loads(ended.stdout)
    if said["exit_code"] != 0:
        raise RuntimeError(f"verify ended with {said['exit_code']} for {program}")
    return {
        "wall_s": round(wall_s, 2),
        "cpu_s": round(said["cpu_s"], 2),
        "peak_memory_mb": round(said["peak_kib"] * 1024 / 1e6),
    }
