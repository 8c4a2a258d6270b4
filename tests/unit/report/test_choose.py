"""Which reporter fits where standard error goes."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from typing import TextIO

import pytest

from pipeline.report.choose import Look, make_reporter
from pipeline.report.plain import PlainReporter, QuietReporter
from pipeline.report.terminal import TerminalReporter


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    controller, handle = pty.openpty()
    with os.fdopen(handle, "w") as stream:
        yield stream
    os.close(controller)


def test_a_pipe_gets_lines() -> None:
    assert isinstance(make_reporter(io.StringIO(), {"TERM": "xterm"}, Look()), PlainReporter)


def test_a_terminal_moves(terminal: TextIO) -> None:
    assert isinstance(make_reporter(terminal, {"TERM": "xterm"}, Look()), TerminalReporter)


@pytest.mark.parametrize("environ", [{"TERM": "xterm", "CI": "true"}, {"TERM": "dumb"}, {}])
def test_ci_and_dumb_terminals_get_lines(terminal: TextIO, environ: dict[str, str]) -> None:
    assert isinstance(make_reporter(terminal, environ, Look()), PlainReporter)


def test_quiet(terminal: TextIO) -> None:
    assert isinstance(make_reporter(terminal, {"TERM": "xterm"}, Look(quiet=True)), QuietReporter)
