"""One target's product is finished while the next one compiles."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest

from pipeline.errors import CompileError, PackageError, PipelineError, StoppedError
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildOutcome
from pipeline.model.events import NullReporter
from pipeline.model.target import find_target
from pipeline.orchestrate.building import finishing_beside
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.building.finishing_beside import Finishing
from pipeline.orchestrate.job import Job

ANALYSIS = cast("Analysis", None)
COMPILED = Compiled(binaries=(), snapshots=(), emulated_cpu_s=0)


class Listening(NullReporter):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def outcome(name: str) -> BuildOutcome:
    path = Path("/nowhere")
    return BuildOutcome(
        runtime=name, name=name, version="1", target=find_target("arm64"), zip_path=path, record_path=path, steps=(),
        files=(), findings=(),
    )  # fmt: skip


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Finishing waits for this event; a job is its name, or the error that finishing it ends with."""
    event = threading.Event()

    def finish(job: object, _analysis: Analysis, _compiled: Compiled) -> tuple[BuildOutcome, ...]:
        assert event.wait(timeout=20)
        if isinstance(job, PipelineError):
            raise job
        return (outcome(str(job)),)

    monkeypatch.setattr(finishing_beside, "_finish", finish)
    return event


def begin(finishing: Finishing, job: object) -> None:
    finishing.begin(cast("Job", job), ANALYSIS, COMPILED)


def error(kind: type[PipelineError], what: str) -> PipelineError:
    return kind(what, cause="a test", action="nothing")


def test_the_caller_goes_on_and_gets_all_in_order(gate: threading.Event) -> None:
    with Finishing(NullReporter()) as finishing:
        begin(finishing, "first")
        finishing.check()
        begin(finishing, "second")
        gate.set()
        assert [item.name for item in finishing.outcomes()] == ["first", "second"]


def test_the_next_target_does_not_begin_after_an_error(gate: threading.Event) -> None:
    gate.set()
    with pytest.raises(PackageError, match="cannot be packed"), Finishing(NullReporter()) as finishing:
        begin(finishing, error(PackageError, "cannot be packed"))
        while True:
            finishing.check()


def test_an_error_of_the_caller_waits_for_what_was_compiled(gate: threading.Event) -> None:
    listening = Listening()
    finishing = Finishing(listening)

    def fail() -> None:
        with finishing:
            begin(finishing, "first")
            begin(finishing, error(PackageError, "cannot be packed"))
            threading.Timer(0.1, gate.set).start()
            raise error(CompileError, "the second target")

    with pytest.raises(CompileError, match="the second target"):
        fail()
    (warning,) = listening.warnings
    assert "cannot be packed" in warning


def test_who_stopped_it_all_is_not_told_what_that_broke(gate: threading.Event) -> None:
    listening = Listening()
    finishing = Finishing(listening)

    def stop() -> None:
        with finishing:
            begin(finishing, error(PackageError, "cannot be packed"))
            gate.set()
            raise error(StoppedError, "stopped")

    with pytest.raises(StoppedError):
        stop()
    assert listening.warnings == []
