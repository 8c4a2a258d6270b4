"""Steps and progress that are under way, as both kinds of reporter know them."""

from __future__ import annotations

import dataclasses
import enum
import threading
import time

from pipeline.model.events import Where


class Ending(enum.StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclasses.dataclass(kw_only=True)
class RunningStep:
    """A step that is under way; ``model.events.Step``."""

    title: str
    busy: Where
    started_s: float = dataclasses.field(default_factory=time.monotonic)
    text: str = ""

    def detail(self, text: str) -> None:
        """Keep what the step found or made."""
        self.text = text

    def where(self, where: Where) -> None:
        """Correct what the step keeps busy."""
        self.busy = where

    @property
    def elapsed_s(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started_s


@dataclasses.dataclass(kw_only=True)
class RunningProgress:
    """A quantity that grows; ``model.events.Progress``, safe to call from several threads."""

    title: str
    unit: str
    expected: int
    amount: int = 0
    started_s: float = dataclasses.field(default_factory=time.monotonic)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def advance(self, amount: int) -> None:
        """Add *amount*."""
        with self.lock:
            self.amount += amount

    def total(self, amount: int) -> None:
        """Correct the total."""
        self.expected = amount

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started_s

    @property
    def rate_per_s(self) -> float:
        """Mean amount a second; 0 before anything came."""
        return self.amount / self.elapsed_s if self.elapsed_s > 0 else 0.0


def ending_of(error: BaseException | None) -> Ending:
    """Return how a step ended that *error* left: anything but an ``Exception`` is a stop."""
    if error is None:
        return Ending.DONE
    return Ending.FAILED if isinstance(error, Exception) else Ending.STOPPED
