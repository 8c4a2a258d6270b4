"""Which reporter fits where standard error goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from rich.console import RenderableType

from pipeline.model.events import Reporter
from pipeline.report.annotations import wants_annotations
from pipeline.report.plain import PlainReporter, QuietReporter
from pipeline.report.terminal import TerminalReporter


class ClosingReporter(Reporter, Protocol):
    """A reporter that can also show tables and leaves the screen as it should be."""

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Show tables and texts, such as those that close a build."""
        ...

    def close(self) -> None:
        """Take what moves off the screen."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """How much is said."""

    quiet: bool = False
    verbose: bool = False


def make_reporter(stream: TextIO, environ: Mapping[str, str], look: Look) -> ClosingReporter:
    """Return a reporter for *stream*: moving on a terminal; lines elsewhere, on CI and on dumb terminals.

    ``NO_COLOR`` is obeyed as https://no-color.org says.
    """
    annotate = wants_annotations(environ)
    if look.quiet:
        return QuietReporter(stream, annotate=annotate)
    if not stream.isatty() or environ.get("CI") or environ.get("TERM", "dumb") == "dumb":
        return PlainReporter(stream, verbose=look.verbose, annotate=annotate)
    return TerminalReporter(stream, color=not environ.get("NO_COLOR"), verbose=look.verbose)
