"""The reporter for terminals, with a stream in place of one: what stays on the screen."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import time
from pathlib import Path

import pytest

from pipeline.model.events import Where
from pipeline.report.terminal import TerminalReporter

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")


def screen(written: str) -> list[str]:
    """Replay what was written on a simple terminal and return its lines."""
    lines, row = [""], 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r\n|\r|\n|[^\x1b\r\n]+", written):
        if token in {"\n", "\r\n"}:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token.endswith("A"):
            row -= int(token[2:-1] or 1)
        elif not token.startswith("\x1b") and token != "\r":
            lines[row] += token
    return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def read_all(controller: int) -> bytes:
    """Read what was written to a terminal whose other end is closed: the kernel says EIO at the end."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(controller, 100_000):
            parts.append(part)
    os.close(controller)
    return b"".join(parts)


def run(stream: io.StringIO, *, color: bool = True) -> None:
    reporter = TerminalReporter(stream, color=color)
    with reporter.step("toolbox", where=Where.NETWORK) as step:
        with reporter.progress("fetching tools", total=298_000_000) as progress:
            progress.advance(149_000_000)
            time.sleep(0.3)
        step.detail("164 packages")
    reporter.warn("an index is broken")
    reporter.note("rustc 1.85")
    with pytest.raises(ValueError, match="broken"), reporter.step("compile"):
        raise ValueError("broken")
    reporter.close()


def test_what_stays_on_the_screen() -> None:
    stream = io.StringIO()
    run(stream)
    seen = [re.sub(r"0\.\d\d s", "N s", line) for line in screen(stream.getvalue())]
    assert seen == [
        f"✓ {'toolbox':<40}       N s network",
        "  164 packages",
        "! an index is broken",
        "  rustc 1.85",
        f"✗ {'compile':<40}       N s native",
    ]


def test_the_bar_was_shown() -> None:
    stream = io.StringIO()
    run(stream)
    plain = CONTROL.sub("", stream.getvalue())
    assert re.search(r"fetching tools +━+[╸╺]?━* +149\.0 MB of 298\.0 MB", plain)


def test_no_color() -> None:
    stream = io.StringIO()
    run(stream, color=False)
    assert not COLOR.search(stream.getvalue())
    stream = io.StringIO()
    run(stream, color=True)
    assert COLOR.search(stream.getvalue())


def test_output_of_children_only_when_verbose() -> None:
    quiet, verbose = io.StringIO(), io.StringIO()
    TerminalReporter(quiet).output("Compiling [x]\n")
    TerminalReporter(verbose, verbose=True).output("Compiling [x]\n")
    assert quiet.getvalue() == ""
    assert CONTROL.sub("", verbose.getvalue()) == "  Compiling [x]\n"


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 140])
def test_no_line_is_longer_than_the_terminal_is_wide(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    with reporter.step("a title that is rather long for a step of a build") as step:
        with reporter.progress("a title that is rather long for a bar", total=298_000_000) as progress:
            progress.advance(149_000_000)
            time.sleep(0.2)
        step.detail("what was found, " * 5)
    reporter.close()
    written = CONTROL.sub("", stream.getvalue()).replace("\r", "\n")
    assert max(len(line) for line in written.splitlines()) <= columns


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    path = tmp_path / "screen"
    with path.open("w", encoding="ascii") as stream:
        reporter = TerminalReporter(stream)
        with reporter.step("compile"):
            time.sleep(0.2)
        reporter.close()
    assert "compile" in path.read_text(encoding="ascii")


def test_the_cursor_is_back_after_an_error() -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        reporter = TerminalReporter(stream)
        with pytest.raises(KeyboardInterrupt), reporter.step("compile"):
            raise KeyboardInterrupt
        reporter.close()
    written = read_all(controller).decode()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert "- compile" in CONTROL.sub("", written)


def test_what_moves_leaves_room_for_the_echo_of_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    with reporter.step("compile") as step:
        step.detail("found")
        time.sleep(0.3)
        moving = CONTROL.sub("", stream.getvalue())
    reporter.close()
    assert "compile" in moving
    assert max(len(line) for line in re.split(r"[\r\n]", moving)) <= 78
