"""Ending children that other threads wait for."""

from __future__ import annotations

import concurrent.futures
import select
import subprocess
import threading
import time

import pytest

from pipeline.processes import children, proc

ENV = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def children_of_these_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the services alone that other tests of this process have started and still use."""
    find = children._children
    others = set(find())
    monkeypatch.setattr(children, "_children", lambda: [pid for pid in find() if pid not in others])


def run_in_thread(script: str, ready: threading.Event) -> concurrent.futures.Future[proc.Completed]:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    command = proc.Command(argv=("/bin/sh", "-c", script), env=ENV, timeout_s=60)
    future = pool.submit(proc.run, command, on_stdout=lambda _line: ready.set())
    pool.shutdown(wait=False)
    return future


def test_no_children_is_no_work() -> None:
    started = time.monotonic()
    children.stop_children()
    assert time.monotonic() - started < 1


def test_a_child_of_another_thread_is_interrupted() -> None:
    ready = threading.Event()
    future = run_in_thread("echo; exec sleep 1000", ready)
    assert ready.wait(10)
    children.stop_children()
    assert future.result(timeout=5).exit_code == 128 + 2


def test_a_child_that_ignores_interrupts_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "INTERRUPT_GRACE_S", 0.3)
    monkeypatch.setattr(proc, "TERMINATE_GRACE_S", 5.0)
    ready = threading.Event()
    future = run_in_thread("trap '' INT; echo; exec sleep 1000", ready)
    assert ready.wait(10)
    children.stop_children()
    assert future.result(timeout=5).exit_code == 128 + 15


def test_a_child_that_ignores_everything_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "INTERRUPT_GRACE_S", 0.2)
    monkeypatch.setattr(proc, "TERMINATE_GRACE_S", 0.4)
    ready = threading.Event()
    future = run_in_thread("trap '' INT TERM; echo; while :; do sleep 1000; done", ready)
    assert ready.wait(10)
    children.stop_children()
    assert future.result(timeout=5).exit_code == 128 + 9


def test_what_outlives_a_child_that_nobody_waits_for_is_killed() -> None:
    """An interrupt may come while a child is being started: then its group is known by the kernel alone."""
    script = "trap 'exit 1' INT; sleep 1000 & echo $!; wait"
    process = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline()
        children.stop_children()
        # A background job of a shell ignores interrupts; dead, it holds no end of the pipe.
        ended, _, _ = select.select([process.stdout], [], [], 10)
        assert ended, "it still runs"
        assert process.stdout.read() == ""
    assert process.wait(timeout=5) == 1
