"""Real signals to real processes: children gone, one line, 130."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.model.snapshot import STEP_FILE_NAME, GeneratorSetup, StepSetup

ROOT = Path(__file__).parents[3]
STOPPED_LINE = "stopped; what was finished is kept, and the next run goes on from there"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@contextlib.contextmanager
def started_step(place: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """Start a snapshot step whose emulator is a shell script; it writes the ids of its processes into ``pids``."""
    emulator = place / "emulator"
    emulator.write_text(f"#!/bin/sh\n{script}\n")
    emulator.chmod(0o755)
    generator = place / "generator"
    generator.write_bytes(b"any program of the target")
    generator.chmod(0o755)
    (place / "tree").mkdir()
    setup = StepSetup(
        target="s390x", executor="qemu", qemu=emulator, qemu_version="1", sysroot=place, tree=place / "tree",
        timeout_s=300,
        generators=(GeneratorSetup(package="snap", version="1.0.0", generator=generator, trigger=place / "trigger"),),
    )  # fmt: skip
    (place / STEP_FILE_NAME).write_text(setup.model_dump_json())
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OUT_DIR": str(place / "out"), "TARGET": "s390x-unknown-linux-gnu"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "snapshot-step", "--steps-dir", str(place), "snap", "1.0.0"],
        cwd=place, env=env | {"PLACE": str(place)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def pids(place: Path, count: int) -> list[int]:
    path = place / "pids"
    wait_for(lambda: path.exists() and path.read_text().count("\n") == count)
    return [int(line) for line in path.read_text().split()]


HANGS = 'sleep 1000 & echo $! >> "$PLACE/pids"; echo $$ >> "$PLACE/pids"; wait'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_children_and_says_one_line(tmp_path: Path, number: signal.Signals) -> None:
    with started_step(tmp_path, HANGS) as process:
        children = pids(tmp_path, 2)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (130, "", STOPPED_LINE + "\n")
    wait_for(lambda: not any(map(alive, children)))


def test_impatience_does_not_leave_children_behind(tmp_path: Path) -> None:
    """A second and a third Ctrl-C come while the first one is being obeyed."""
    with started_step(tmp_path, "trap 'sleep 1; exit 1' INT\n" + HANGS + "; wait; wait") as process:
        children = pids(tmp_path, 2)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        _stdout, stderr = process.communicate(timeout=30)
    # One that comes when all is done, while the interpreter ends, ends it; a shell says 130 of both.
    assert process.returncode in {130, -signal.SIGINT}
    assert stderr == STOPPED_LINE + "\n"
    wait_for(lambda: not any(map(alive, children)))


def test_an_interrupt_that_the_shell_ignores_for_background_jobs_is_obeyed(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        step = contextlib.ExitStack()
        process = step.enter_context(started_step(tmp_path, HANGS))
    finally:
        signal.signal(signal.SIGINT, before)
    with step:
        pids(tmp_path, 2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == STOPPED_LINE + "\n"
    assert process.returncode == 130
