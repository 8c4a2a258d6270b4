"""The reporters for logs: one line when a step begins and one when it ends, no control codes; or hardly anything."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console, RenderableType

from pipeline.model.events import Progress, Step, Where
from pipeline.report import wording
from pipeline.report.annotations import annotation
from pipeline.report.state import Ending, RunningProgress, RunningStep, ending_of

PROGRESS_INTERVAL_S = 5.0
LOG_WIDTH = 100
"""Columns of tables in a log."""


class PlainReporter:
    """Writes lines to *stream*, each whole, from any thread; warnings as annotations where GitHub reads them."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, annotate: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._annotate = annotate
        self._started_s = time.monotonic()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def step(self, title: str, *, where: Where = Where.NATIVE) -> Iterator[Step]:
        """Write a line now and one at the end."""
        running = RunningStep(title=title, busy=where)
        self._line(f"{title} ...")
        try:
            yield running
        except BaseException as error:
            self._end(running, ending_of(error))
            raise
        self._end(running, Ending.DONE)

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str = "B") -> Iterator[Progress]:
        """Write how far it is every few seconds, and its time at the end if it took as long as that."""
        running = _LoggedProgress(title=title, unit=unit, expected=total, write=self)
        yield running
        if running.elapsed_s >= PROGRESS_INTERVAL_S:
            amount = wording.quantity(running.amount, unit)
            self._line(f"{title}: {amount} in {wording.seconds(running.elapsed_s)}")

    def note(self, text: str) -> None:
        """Write *text*."""
        self._line(text)

    def warn(self, text: str) -> None:
        """Write *text* as a warning."""
        if self._annotate:
            self._write(annotation("warning", "snapstitch", text))
        else:
            self._line(f"warning: {text}")

    def output(self, line: str) -> None:
        """Write a line of a child when verbose."""
        if self._verbose:
            self._line(f"  | {line.rstrip()}")

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Write tables, without colours."""
        console = Console(file=self._stream, width=LOG_WIDTH, color_system=None, highlight=False, legacy_windows=False)
        with self._lock, console.capture() as capture:
            for part in parts:
                console.print(part)
        self._write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))

    def close(self) -> None:
        """Do nothing: every line is out."""

    def tick(self, running: RunningProgress) -> None:
        """Write how far *running* is."""
        self._line(f"{running.title}: {wording.share(running.amount, running.expected, running.unit)}")

    def _end(self, running: RunningStep, ending: Ending) -> None:
        detail = f", {running.text}" if running.text else ""
        self._line(f"{running.title}: {ending} in {wording.seconds(running.elapsed_s)}, {running.busy}{detail}")

    def _line(self, text: str) -> None:
        elapsed_s = time.monotonic() - self._started_s
        self._write(f"[{elapsed_s:7.1f} s] {text}\n")

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


@dataclasses.dataclass(kw_only=True)
class _LoggedProgress(RunningProgress):
    """Progress that writes a line now and then."""

    write: PlainReporter
    told_s: float = dataclasses.field(default_factory=time.monotonic)

    def advance(self, amount: int) -> None:
        super().advance(amount)
        now_s = time.monotonic()
        with self.lock:
            due = now_s - self.told_s >= PROGRESS_INTERVAL_S
            if due:
                self.told_s = now_s
        if due:
            self.write.tick(self)


class QuietReporter:
    """Writes warnings only."""

    def __init__(self, stream: TextIO, *, annotate: bool = False) -> None:
        self._stream = stream
        self._annotate = annotate
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def step(self, title: str, *, where: Where = Where.NATIVE) -> Iterator[Step]:
        """Say nothing."""
        yield RunningStep(title=title, busy=where)

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str = "B") -> Iterator[Progress]:
        """Say nothing."""
        yield RunningProgress(title=title, unit=unit, expected=total)

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Write *text* as a warning."""
        line = annotation("warning", "snapstitch", text) if self._annotate else f"warning: {text}\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()

    def output(self, line: str) -> None:
        """Say nothing."""

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Do nothing."""
