"""Steps that are remembered while they are shown."""

from __future__ import annotations

import io
import threading
import time

import pytest

from pipeline.model.build import StepTiming
from pipeline.model.events import NullReporter, Where
from pipeline.orchestrate.ledger import Ledger
from pipeline.report.plain import PlainReporter


def test_a_step_is_kept_with_what_was_said_of_it() -> None:
    ledger = Ledger(NullReporter())
    with ledger.step("compile") as step:
        step.detail("1 unit")
        step.detail("2 units")
        step.where(Where.EMULATED)
        step.cpu(1.0)
        step.cpu(0.5)
    (entry,) = ledger.timings
    assert (entry.title, entry.detail, entry.where, entry.cpu_s) == ("compile", "2 units", Where.EMULATED, 1.5)


def test_a_step_that_failed_is_not_kept() -> None:
    ledger = Ledger(NullReporter())
    with pytest.raises(RuntimeError), ledger.step("compile"):
        raise RuntimeError
    assert ledger.timings == ()


def test_the_time_of_an_inner_step_is_its_own() -> None:
    ledger = Ledger(NullReporter())
    with ledger.step("toolbox"), ledger.step("fetch", where=Where.NETWORK):
        time.sleep(0.2)
    inner, outer = ledger.timings
    assert (inner.title, outer.title) == ("fetch", "toolbox")
    assert inner.duration_s >= 0.2
    assert outer.duration_s < 0.1


def test_time_that_was_measured_elsewhere_is_left_out() -> None:
    ledger = Ledger(NullReporter())
    with ledger.step("product") as step:
        time.sleep(0.2)
        step.apart(0.19)
        ledger.add(StepTiming(title="snapshot", where=Where.EMULATED, duration_s=0.19))
    assert [entry.title for entry in ledger.timings] == ["snapshot", "product"]
    assert ledger.timings[1].duration_s < 0.1


def test_steps_of_other_threads_are_only_passed_on() -> None:
    ledger = Ledger(NullReporter())

    def work() -> None:
        with ledger.step("unpack"):
            time.sleep(0.2)

    with ledger.step("toolbox"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    (entry,) = ledger.timings
    assert entry.title == "toolbox"
    assert entry.duration_s >= 0.2


def test_a_continued_ledger_keeps_its_own_steps() -> None:
    ledger = Ledger(NullReporter())
    with ledger.step("compile") as step:
        step.units(host=1, target=2)
        step.units(host=0, target=3)
    further = ledger.continued()
    with further.step("verify"):
        pass
    with ledger.step("other"):
        pass
    assert [entry.title for entry in further.timings] == ["compile", "verify"]
    assert [entry.title for entry in ledger.timings] == ["compile", "other"]
    assert (ledger.timings[0].compiled_host_units, ledger.timings[0].compiled_target_units) == (1, 5)


def test_a_label_is_shown_and_not_kept() -> None:
    stream = io.StringIO()
    ledger = Ledger(PlainReporter(stream), label="arm64: ")
    with ledger.step("compile"):
        pass
    assert "arm64: compile" in stream.getvalue()
    assert ledger.timings[0].title == "compile"
