"""How fast an executor is."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from pipeline.canaries.pace import REFERENCE_S, SLOWEST, Pace, factor_of, measure
from pipeline.model.execution import ExecRequest, ExecResult
from pipeline.model.target import target_of_machine
from tests.unit.here import HereExecutor


def test_this_machine() -> None:
    target = target_of_machine(platform.machine())
    assert target is not None
    pace = measure(HereExecutor(), target)
    assert pace.ended
    # 50 million rounds are at least that long on a processor of 10 GHz.
    assert 0.005 < pace.loop_s < 30
    assert pace.factor == factor_of(pace.loop_s)


@pytest.mark.parametrize(
    ("loop_s", "factor"), [(0.001, 1.0), (REFERENCE_S, 1.0), (4 * REFERENCE_S, 4.0), (1000.0, SLOWEST)]
)
def test_limits_are_never_shorter_and_never_endless(loop_s: float, factor: float) -> None:
    assert factor_of(loop_s) == pytest.approx(factor)


def test_a_loop_that_does_not_end_well() -> None:
    class Broken(HereExecutor):
        def run(self, request: ExecRequest) -> ExecResult:
            Path(request.argv[0]).write_text("#!/bin/sh\nexit 3\n")
            return super().run(
                ExecRequest(
                    argv=("/bin/false",), env={}, workdir=request.workdir, target=request.target,
                    timeout_s=request.timeout_s,
                )
            )  # fmt: skip

    target = target_of_machine(platform.machine())
    assert target is not None
    assert measure(Broken(), target) == Pace(factor=SLOWEST, loop_s=30.0, ended=False)
