"""The reporter for people at a terminal: what is under way moves at the bottom, what is done stays above."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipeline.model.events import Progress, Step, Where
from pipeline.report import wording
from pipeline.report.state import Ending, RunningProgress, RunningStep, ending_of

TITLE_COLUMNS = 40
TIME_COLUMNS = 12
WHERE_COLUMNS = 9
ECHO_COLUMNS = 3
"""Room for the ``^C`` that a terminal writes behind the last line: on a line of its own, that line would stay."""
NARROW_COLUMNS = 100
"""Below this, what a step found goes to a line of its own."""

_MARKS = {
    Ending.DONE: ("✓", "ok", "green"),
    Ending.FAILED: ("✗", "failed", "red"),
    Ending.STOPPED: ("-", "-", "yellow"),
}
_WHERE_STYLES = {Where.NATIVE: "", Where.EMULATED: "magenta", Where.NETWORK: "cyan"}


class TerminalReporter:
    """Draws on the terminal *stream*. Colours are the terminal's own named ones, which fit light and dark."""

    def __init__(self, stream: TextIO, *, color: bool = True, verbose: bool = False) -> None:
        self._console = Console(
            file=stream, force_terminal=True, color_system="standard" if color else None, no_color=not color,
            highlight=False,
        )  # fmt: skip
        self._verbose = verbose
        self._lock = threading.Lock()
        self._running: list[RunningStep | RunningProgress] = []
        self._spinner = Spinner("line" if self._console.options.ascii_only else "dots")
        self._live: Live | None = None

    @contextlib.contextmanager
    def step(self, title: str, *, where: Where = Where.NATIVE) -> Iterator[Step]:
        """Show a spinner until the step ends, then its line."""
        running = RunningStep(title=title, busy=where)
        self._begin(running)
        try:
            yield running
        except BaseException as error:
            self._end(running, ending_of(error))
            raise
        self._end(running, Ending.DONE)

    @contextlib.contextmanager
    def progress(self, title: str, *, total: int, unit: str = "B") -> Iterator[Progress]:
        """Show a bar until it ends; nothing of it stays."""
        running = RunningProgress(title=title, unit=unit, expected=total)
        self._begin(running)
        try:
            yield running
        finally:
            with self._lock:
                self._running.remove(running)

    def note(self, text: str) -> None:
        """Show *text*, indented below what is done."""
        self._console.print(_indented("", Text(text, style="dim")))

    def warn(self, text: str) -> None:
        """Show *text* so that it is seen."""
        self._console.print(_indented(Text("!", style="bold yellow"), Text(text)))

    def output(self, line: str) -> None:
        """Show a line of a child when verbose."""
        if self._verbose:
            self._console.print(Text(f"  {line.rstrip()}", style="dim"))

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Show tables."""
        self.close()
        for part in parts:
            self._console.print(part)

    def close(self) -> None:
        """Take the moving part off the screen."""
        with self._lock:
            live, self._live = self._live, None
        if live:
            live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what is under way."""
        del console
        with self._lock:
            entries = list(self._running)
        for running in entries:
            yield self._row(running, options.max_width - ECHO_COLUMNS)

    def _begin(self, running: RunningStep | RunningProgress) -> None:
        with self._lock:
            self._running.append(running)
            if self._live is not None:
                return
            # The caller's streams stay its own: standard output may be JSON.
            self._live = live = Live(
                self, console=self._console, refresh_per_second=8, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
        live.start()

    def _end(self, running: RunningStep, ending: Ending) -> None:
        with self._lock:
            self._running.remove(running)
        self._console.print(_done_row(running, ending, self._console))

    def _row(self, running: RunningStep | RunningProgress, width: int) -> RenderableType:
        if isinstance(running, RunningProgress):
            return _bar_row(running, width)
        time_text = Text(wording.seconds(running.elapsed_s), style="dim")
        spinner = self._spinner.render(self._console.get_time())
        return _columns(
            width, spinner, Text(running.title), time_text, Text(running.busy, style=_WHERE_STYLES[running.busy])
        )


def _columns(width: int, mark: RenderableType, title: Text, time_text: Text, rest: Text) -> Table:
    """Return one line: a mark, a title, a time on the right of its column, and the rest of the line."""
    apart = 3 * len(" ") + 1 + TIME_COLUMNS
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    title_columns = min(TITLE_COLUMNS, width - apart - WHERE_COLUMNS)
    grid.add_column(width=title_columns, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=TIME_COLUMNS, justify="right", no_wrap=True)
    grid.add_column(width=width - apart - title_columns, no_wrap=True, overflow="ellipsis")
    grid.add_row(mark, title, time_text, rest)
    return grid


def _bar_row(running: RunningProgress, width: int) -> Table:
    """Return one line: title, bar, how much of how much, and, where there is room, the rate."""
    narrow = width < NARROW_COLUMNS
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(
        width=min(TITLE_COLUMNS, width - 36) if narrow else TITLE_COLUMNS, no_wrap=True, overflow="ellipsis"
    )
    grid.add_column(width=10 if narrow else min(30, width - TITLE_COLUMNS - 40))
    grid.add_column(justify="right", width=20, no_wrap=True)
    total = max(running.expected, running.amount) or None
    bar = ProgressBar(total=total, completed=running.amount, pulse=running.expected <= 0)
    cells: list[RenderableType] = ["", Text(running.title), bar]
    cells.append(Text(wording.share(running.amount, running.expected, running.unit)))
    if not narrow:
        grid.add_column(justify="right", no_wrap=True, width=11)
        cells.append(Text(f"{wording.quantity(round(running.rate_per_s), running.unit)}/s", style="dim"))
    grid.add_row(*cells)
    return grid


def _indented(mark: RenderableType, text: Text) -> Table:
    """Return *text*, whose further lines begin where its first one does."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row(mark, text)
    return grid


def _done_row(running: RunningStep, ending: Ending, console: Console) -> RenderableType:
    sign, word, style = _MARKS[ending]
    mark = Text(word[0] if console.options.ascii_only else sign, style=style)
    rest = Text(running.busy, style=_WHERE_STYLES[running.busy])
    narrow = console.width < NARROW_COLUMNS
    if running.text and not narrow:
        rest.append(f"{'':{10 - len(running.busy)}}{running.text}", style="dim")
    row = _columns(console.width, mark, Text(running.title), Text(wording.seconds(running.elapsed_s)), rest)
    if running.text and narrow:
        return Group(row, Padding(Text(running.text, style="dim"), (0, 0, 0, 2)))
    return row
