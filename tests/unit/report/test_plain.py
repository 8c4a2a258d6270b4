"""The reporters for logs."""

from __future__ import annotations

import concurrent.futures
import io
import re
import time

import pytest
from rich.table import Table

from pipeline.model.events import Where
from pipeline.report import plain
from pipeline.report.plain import PlainReporter, QuietReporter


def lines_of(stream: io.StringIO) -> list[str]:
    """What was written, without the times."""
    text = re.sub(r"^\[ *\d+\.\d s\] ", "", stream.getvalue(), flags=re.MULTILINE)
    return re.sub(r"\d+\.\d\d? s", "N s", text).splitlines()


def test_a_step_is_a_line_at_its_begin_and_one_at_its_end() -> None:
    stream = io.StringIO()
    with PlainReporter(stream).step("snapshot") as step:
        step.where(Where.EMULATED)
        step.detail("3 files")
    assert lines_of(stream) == ["snapshot ...", "snapshot: done in N s, emulated, 3 files"]


def test_every_line_begins_with_the_time_since_the_start() -> None:
    stream = io.StringIO()
    PlainReporter(stream).note("hello")
    assert stream.getvalue() == "[    0.0 s] hello\n"


@pytest.mark.parametrize(("error", "word"), [(ValueError(), "failed"), (KeyboardInterrupt(), "stopped")])
def test_a_step_that_does_not_end_well(error: BaseException, word: str) -> None:
    stream = io.StringIO()
    with pytest.raises(type(error)), PlainReporter(stream).step("compile"):
        raise error
    assert lines_of(stream)[-1] == f"compile: {word} in N s, native"


def test_notes_warnings_and_output() -> None:
    stream = io.StringIO()
    reporter = PlainReporter(stream, verbose=True)
    reporter.note("a note")
    reporter.warn("a surprise")
    reporter.output("  Compiling x\n")
    assert lines_of(stream) == ["a note", "warning: a surprise", "  |   Compiling x"]


def test_output_of_children_only_when_verbose() -> None:
    stream = io.StringIO()
    PlainReporter(stream).output("Compiling x")
    assert stream.getvalue() == ""


def test_short_progress_says_nothing() -> None:
    stream = io.StringIO()
    with PlainReporter(stream).progress("fetching", total=10) as progress:
        for _ in range(10):
            progress.advance(1)
    assert stream.getvalue() == ""


def test_long_progress_says_something_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "PROGRESS_INTERVAL_S", 0.1)
    stream = io.StringIO()
    started_s = time.monotonic()
    with PlainReporter(stream).progress("fetching", total=4_000_000) as progress:
        for _ in range(40):
            progress.advance(100_000)
            time.sleep(0.01)
    *ticks, last = lines_of(stream)
    assert 2 <= len(ticks) <= (time.monotonic() - started_s) / 0.1
    assert all(re.fullmatch(r"fetching: \d+\.\d [kM]B of 4\.0 MB", tick) for tick in ticks)
    assert last == "fetching: 4.0 MB in N s"


def test_lines_from_many_threads_are_whole() -> None:
    stream = io.StringIO()
    reporter = PlainReporter(stream)

    def work(number: int) -> None:
        with reporter.step(f"step {number}") as step:
            step.detail("x" * 200)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    expected = {f"step {number} ..." for number in range(200)}
    expected |= {f"step {number}: done in N s, native, {'x' * 200}" for number in range(200)}
    assert set(lines_of(stream)) == expected
    assert len(lines_of(stream)) == 400


def test_tables_have_no_control_codes_and_no_trailing_blanks() -> None:
    stream = io.StringIO()
    table = Table("name", "value", title_style="bold red")
    table.add_row("[x]", "1")
    PlainReporter(stream).show(["heading", table])
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().startswith("heading\n")
    assert [line for line in stream.getvalue().splitlines() if line != line.rstrip()] == []


def test_quiet_says_warnings_only() -> None:
    stream = io.StringIO()
    reporter = QuietReporter(stream)
    with reporter.step("compile") as step, reporter.progress("fetching", total=3) as progress:
        step.detail("x")
        progress.advance(1)
        progress.total(5)
    reporter.note("a note")
    reporter.output("a line")
    reporter.show(["a table"])
    reporter.warn("a surprise")
    reporter.close()
    assert stream.getvalue() == "warning: a surprise\n"
