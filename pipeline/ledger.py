"""The steps of one build as they are done: shown by the reporter and kept for the closing table and the record."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from pipeline.model.build import StepTiming
from pipeline.model.events import Reporter, Step, Where


class LedgerStep:
    """A step under way: what is said about it goes to the reporter and into its entry."""

    def __init__(self, step: Step, where: Where) -> None:
        self._step = step
        self.kept_where = where
        self.kept_detail = ""
        self.cpu_s: float | None = None
        self.apart_s = 0.0

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

    def apart(self, seconds: float) -> None:
        """Leave out time of this step that has an entry of its own."""
        self.apart_s += seconds


class Ledger:
    """Collects the steps of one build, in the order in which they ended."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._entries: list[StepTiming] = []

    @contextlib.contextmanager
    def step(self, title: str, where: Where = Where.NATIVE) -> Iterator[LedgerStep]:
        """Time a step; it is kept only if it ends well."""
        started = time.monotonic()
        with self._reporter.step(title, where=where) as shown:
            step = LedgerStep(shown, where)
            yield step
        self.add(
            StepTiming(
                title=title,
                where=step.kept_where,
                duration_s=max(0.0, time.monotonic() - started - step.apart_s),
                cpu_s=step.cpu_s,
                detail=step.kept_detail,
            )
        )

    def add(self, timing: StepTiming) -> None:
        """Keep a step that was timed elsewhere."""
        self._entries.append(timing)

    @property
    def timings(self) -> tuple[StepTiming, ...]:
        """Return the steps so far."""
        return tuple(self._entries)
