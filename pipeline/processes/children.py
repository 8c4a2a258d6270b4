"""Ends every child of this process, whichever thread waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from pipeline.processes import proc


def stop_children() -> None:
    """Interrupt the process groups of all children of this process, then terminate, then kill what is left.

    A group whose leader has ended is killed at once: whoever started it may have been interrupted before knowing of it.
    Children that are started meanwhile are met by the next round. Returns when there are none, at the latest
    after both times of grace.
    """
    started = time.monotonic()
    told: dict[int, signal.Signals] = {}
    while children := _children():
        for group in told.keys() - set(children):
            proc.signal_group(group, signal.SIGKILL)
            del told[group]
        waited_s = time.monotonic() - started
        number = _signal_after(waited_s)
        for pid in children:
            if told.get(pid) != number:
                told[pid] = number
                proc.signal_group(pid, number)
        if waited_s > proc.INTERRUPT_GRACE_S + 2 * proc.TERMINATE_GRACE_S:
            return
        time.sleep(0.1)
    for group in told:
        proc.signal_group(group, signal.SIGKILL)


def _signal_after(waited_s: float) -> signal.Signals:
    if waited_s < proc.INTERRUPT_GRACE_S:
        return signal.SIGINT
    return signal.SIGTERM if waited_s < proc.INTERRUPT_GRACE_S + proc.TERMINATE_GRACE_S else signal.SIGKILL


def _children() -> list[int]:
    """Return our children that lead a process group of their own, as all that ``proc`` starts do (proc(5), stat)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError):
            # The command's name, in brackets, may hold spaces and brackets itself.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            state, parent, group = fields[0], int(fields[1]), int(fields[2])
            if parent == os.getpid() and group == int(entry.name) and state != "Z":
                found.append(group)
    return found
