"""Running programs of this very machine, and refusing those of another."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from pipeline.elf.probe import PROBE_EXIT_CODE
from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.local import probe_file, probe_local, run_local
from pipeline.executors.native import NativeExecutor
from pipeline.model.execution import ExecRequest, ExecutorIdentity
from pipeline.model.target import TARGETS, Target, find_target, target_of_machine


@pytest.fixture
def here() -> Target:
    target = target_of_machine(platform.machine())
    assert target is not None
    return target


def request_for(target: Target, *argv: str) -> ExecRequest:
    return ExecRequest(argv=argv, env={"A": "b"}, workdir=Path("/"), target=target, timeout_s=30)


def test_a_program_runs_through_the_loader_of_the_sysroot(here: Target) -> None:
    executor = NativeExecutor(sysroot=Path("/"), target=here)
    assert executor.probe(here).available
    result = executor.run(request_for(here, "/usr/bin/env"))
    assert (result.exit_code, result.stdout) == (0, b"A=b\n")
    assert not result.executor.emulated


def test_a_static_program_needs_no_loader(here: Target, tmp_path: Path) -> None:
    with probe_file(here) as program:
        result = NativeExecutor(sysroot=tmp_path, target=here).run(request_for(here, str(program)))
    assert result.exit_code == PROBE_EXIT_CODE


def test_a_program_that_fails_is_a_result_that_can_be_replayed(here: Target) -> None:
    executor = NativeExecutor(sysroot=Path("/"), target=here)
    result = executor.run(request_for(here, sys.executable, "-c", "import os; os.abort()"))
    assert result.exit_code == 134
    assert result.replay.startswith("cd / && env -i A=b ")


def test_another_target_is_not_available(here: Target) -> None:
    other = next(target for target in TARGETS if target != here)
    availability = NativeExecutor(sysroot=Path("/"), target=here).probe(other)
    assert not availability.available
    assert availability.reason == f"native: set up for {here.name} programs only"


def test_a_foreign_program_is_told_apart_by_running_it() -> None:
    availability = probe_local(("/bin/false",), find_target("s390x"), "false")
    assert not availability.available
    assert availability.reason == "false: a tiny s390x program ended with exit status 1"


def test_a_missing_emulator_cannot_run(here: Target) -> None:
    identity = ExecutorIdentity(name="gone", version="", cpu_model="", emulated=True)
    with pytest.raises(ExecutorUnavailableError) as caught:
        run_local(("/no/such/qemu",), request_for(here, "/bin/true"), identity)
    assert str(caught.value) == (
        "error: the gone executor cannot start /bin/true: cannot start /no/such/qemu: No such file or directory\n"
        "  usual cause: the program or its emulator is missing, or made for another machine\n"
        "  what to do:  run `python -m pipeline doctor` to see which executors work here"
    )
