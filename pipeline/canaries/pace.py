"""How fast an executor is: time limits are for a machine of known speed, and an emulator is slower."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline.elf.probe import PROBE_EXIT_CODE, pace_program
from pipeline.model.execution import ExecRequest, Executor
from pipeline.model.target import Target

REFERENCE_S = 0.03
"""What the loop takes on a processor of 1.8 GHz that goes round once a cycle, its start included."""
SLOWEST = 50.0
"""Nothing is waited for longer than this many times its limit."""
_TIMEOUT_S = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """How much longer an executor takes than the machine that time limits are for."""

    factor: float
    """1 or more: a limit is multiplied by it, never shortened."""
    loop_s: float
    """What the loop took; the limit where it did not end well."""
    ended: bool
    """Whether the loop ran to its end."""


def measure(executor: Executor, target: Target) -> Pace:
    """Return how fast *executor* runs programs of *target* just now, whatever else the machine does.

    Raises ExecutorUnavailableError when it cannot start one.
    """
    with tempfile.TemporaryDirectory(prefix="snapstitch-pace-") as directory:
        program = Path(directory) / f"pace-{target.name}"
        program.write_bytes(pace_program(target))
        program.chmod(0o755)
        result = executor.run(
            ExecRequest(argv=(str(program),), env={}, workdir=program.parent, target=target, timeout_s=_TIMEOUT_S)
        )
    if result.timed_out or result.exit_code != PROBE_EXIT_CODE:
        return Pace(factor=SLOWEST, loop_s=_TIMEOUT_S, ended=False)
    return Pace(factor=factor_of(result.duration_s), loop_s=result.duration_s, ended=True)


def factor_of(loop_s: float) -> float:
    """Return what time limits are multiplied by where the loop takes *loop_s*."""
    return min(max(loop_s / REFERENCE_S, 1.0), SLOWEST)
