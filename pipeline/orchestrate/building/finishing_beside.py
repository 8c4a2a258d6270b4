"""Packs and checks what one target's build made while the next target compiles."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pipeline.errors import PipelineError, StoppedError
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildOutcome
from pipeline.model.events import Reporter
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.building.finishing import finish
from pipeline.orchestrate.job import Job


class Finishing:
    """What is being finished, one after the other, in a thread beside the caller's.

    Leaving it waits: what was compiled reaches the output directory even when a later target fails.
    """

    def __init__(self, reporter: Reporter) -> None:
        """Say by *reporter* what went wrong where an error of the caller goes before it."""
        self._reporter = reporter
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._begun: list[Future[tuple[BuildOutcome, ...]]] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()
        if error is not None:
            self._tell_beside(error)

    def begin(self, job: Job, analysis: Analysis, compiled: Compiled) -> None:
        """Finish what a build made, as soon as those before it are finished."""
        self._begun.append(self._pool.submit(_finish, job, analysis, compiled))

    def check(self) -> None:
        """Raise the error of a build that could not be finished, before hours go into the next one."""
        for future in self._begun:
            if future.done():
                future.result()

    def outcomes(self) -> tuple[BuildOutcome, ...]:
        """Wait, and return what was made, in the order of `begin`. Raises what `finish` raises."""
        return tuple(outcome for future in self._begun for outcome in future.result())

    def _tell_beside(self, error: BaseException) -> None:
        """Say what else went wrong, unless everything was told to stop."""
        others = [future.exception() for future in self._begun]
        for other in others:
            if isinstance(other, PipelineError) and other is not error and not isinstance(error, StoppedError):
                self._reporter.warn(str(other))


def _finish(job: Job, analysis: Analysis, compiled: Compiled) -> tuple[BuildOutcome, ...]:
    ledger = job.ledger.continued()
    own = dataclasses.replace(job, ledger=ledger, context=dataclasses.replace(job.context, reporter=ledger))
    return finish(own, analysis, compiled)
