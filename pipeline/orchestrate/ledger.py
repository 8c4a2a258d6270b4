"""The steps of one build as they are done: passed on to the reporter, and kept for the closing table and the record."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from pipeline.model.build import StepTiming
from pipeline.model.events import Progress, Reporter, Step, Where


class LedgerStep:
    """A step under way: what is said about it goes to the reporter and into its entry."""

    def __init__(self, step: Step, where: Where) -> None:
        """Accompany *step*, which the reporter shows."""
        self._step = step
        self.kept_where = where
        self.kept_detail = ""
        self.cpu_s: float | None = None
        self.peak_memory_bytes: int | None = None
        self.apart_s = 0.0
        self.compiled_host_units = 0
        self.compiled_target_units = 0

    def detail(self, text: str) -> None:
        """Say in a few words what the step found or made."""
        self.kept_detail = text
        self._step.detail(text)

    def where(self, where: Where) -> None:
        """Correct what the step keeps busy."""
        self.kept_where = where
        self._step.where(where)

    def cpu(self, seconds: float) -> None:
        """Add user and system seconds of a process that the step ran."""
        self.cpu_s = (self.cpu_s or 0.0) + seconds

    def memory(self, peak_bytes: int) -> None:
        """Note what the largest process so far took."""
        self.peak_memory_bytes = max(self.peak_memory_bytes or 0, peak_bytes)

    def units(self, *, host: int, target: int) -> None:
        """Add what was compiled for this machine and for the target: libraries, programs, build scripts."""
        self.compiled_host_units += host
        self.compiled_target_units += target

    def apart(self, seconds: float) -> None:
        """Leave out time of this step that has an entry of its own."""
        self.apart_s += seconds


class Ledger:
    """A reporter that remembers: the steps of one build, in the order in which they ended.

    A step inside another has an entry of its own, and its time does not count for the outer one. Steps of other
    threads overlap with those of the first one and are only passed on.
    """

    def __init__(self, reporter: Reporter, *, label: str = "") -> None:
        """Pass everything on to *reporter*; *label* is shown before the title of each step, but not kept."""
        self._reporter = reporter
        self._label = label
        self._entries: list[StepTiming] = []
        self._open: list[LedgerStep] = []
        self._thread = threading.get_ident()

    @contextlib.contextmanager
    def step(self, title: str, *, where: Where = Where.NATIVE) -> Iterator[LedgerStep]:
        """Time a step; it is kept only if it ends well."""
        started = time.monotonic()
        own_thread = threading.get_ident() == self._thread
        with self._reporter.step(f"{self._label}{title}", where=where) as shown:
            step = LedgerStep(shown, where)
            if own_thread:
                self._open.append(step)
            try:
                yield step
            finally:
                if own_thread:
                    self._open.remove(step)
                    self._leave_out(time.monotonic() - started)
        if own_thread:
            self.add(_timing(title, step, time.monotonic() - started))

    def continued(self) -> Ledger:
        """Return a ledger of the calling thread that goes on from here; what it keeps is its own."""
        further = Ledger(self._reporter, label=self._label)
        further._entries = list(self._entries)
        return further

    def add(self, timing: StepTiming) -> None:
        """Keep a step that was timed elsewhere."""
        self._entries.append(timing)

    @property
    def timings(self) -> tuple[StepTiming, ...]:
        """Return the steps so far."""
        return tuple(self._entries)

    def progress(self, title: str, *, total: int, unit: str = "B") -> contextlib.AbstractContextManager[Progress]:
        """Pass on a bar."""
        return self._reporter.progress(title, total=total, unit=unit)

    def note(self, text: str) -> None:
        """Pass on a note."""
        self._reporter.note(text)

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._reporter.warn(text)

    def output(self, line: str) -> None:
        """Pass on a line of a child's output."""
        self._reporter.output(line)

    def _leave_out(self, seconds: float) -> None:
        if self._open:
            self._open[-1].apart(seconds)


def _timing(title: str, step: LedgerStep, duration_s: float) -> StepTiming:
    return StepTiming(
        title=title,
        where=step.kept_where,
        duration_s=max(0.0, duration_s - step.apart_s),
        cpu_s=step.cpu_s,
        peak_memory_bytes=step.peak_memory_bytes,
        detail=step.kept_detail,
        compiled_host_units=step.compiled_host_units,
        compiled_target_units=step.compiled_target_units,
    )
