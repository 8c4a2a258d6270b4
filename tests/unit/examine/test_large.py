"""A large program is looked at in little memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.unit.examine.inputs import program

SIZE_BYTES = 300 * 1024 * 1024
MEMORY_BYTES = 200 * 1000 * 1000
CPU_S = 6.0
"""Seconds of the processor, not of the clock: other work on the machine counts little. An idle one needs 1."""
# The kernel counts the memory of the process that started it, too, in what it tells of a child: it must say so itself.
MEASURED = """
import json, sys, time
from pipeline.cli.main import main
code = main(sys.argv[1:])
peak_kib = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([code, peak_kib * 1024, time.process_time()]))
"""


def test_a_program_of_300_mb(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(program("arm64"))
    os.truncate(path, SIZE_BYTES)
    argv = ["verify", "--static-only", "--cache-dir", str(tmp_path / "cache"), str(path)]
    ended = subprocess.run([sys.executable, "-c", MEASURED, *argv], capture_output=True, text=True, check=True)
    exit_code, peak_bytes, cpu_s = json.loads(ended.stdout)
    assert exit_code == 0, ended.stderr
    assert peak_bytes < MEMORY_BYTES
    assert cpu_s < CPU_S
