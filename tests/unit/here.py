"""An executor for tests: programs of any target are scripts, and run on this machine."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

from pipeline.elf.probe import pace_program
from pipeline.executors.local import run_local
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target, target_of_machine


class HereExecutor:
    """Runs requests as they are; the loop that measures its speed is this machine's own."""

    def probe(self, target: Target) -> Availability:
        return Availability(available=True, reason=f"{target.name}: scripts run anywhere")

    def run(self, request: ExecRequest) -> ExecResult:
        program = Path(request.argv[0])
        if program.name.startswith("pace-"):
            target = target_of_machine(platform.machine())
            assert target is not None, "tests need a build host that the table of targets has"
            program.write_bytes(pace_program(target))
        return run_local((), request, ExecutorIdentity(name="here", version="1", cpu_model="any", emulated=False))


@dataclasses.dataclass
class SlowExecutor(HereExecutor):
    """Says that whatever ran took *factor* times as long."""

    factor: float = 10.0

    def run(self, request: ExecRequest) -> ExecResult:
        result = super().run(request)
        return dataclasses.replace(result, duration_s=result.duration_s * self.factor)
