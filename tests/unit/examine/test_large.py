"""A large program is looked at in little memory and time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.examine.inputs import program

SIZE_BYTES = 300 * 1024 * 1024
MEMORY_BYTES = 200 * 1000 * 1000
CPU_S = 6.0
"""Seconds of the processor, not of the clock: other work on the machine counts little. An idle one needs 1."""


def test_a_program_of_300_mb(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(program("arm64"))
    os.truncate(path, SIZE_BYTES)
    options = ["--static-only", "--cache-dir", str(tmp_path / "cache")]
    argv = [sys.executable, "-m", "pipeline", "verify", *options, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        said = child.stdout.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, said
    assert usage.ru_maxrss * 1024 < MEMORY_BYTES
    assert usage.ru_utime + usage.ru_stime < CPU_S
