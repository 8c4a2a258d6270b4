"""The self-test's matrix as a table."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.model.self_test import Outcome, SelfTest

_STYLES = {
    Outcome.REJECTED: "green",
    Outcome.PASSED: "green",
    Outcome.ACCEPTED: "bold red",
    Outcome.REFUSED: "bold red",
    Outcome.UNDECIDED: "yellow",
    Outcome.NOT_MADE: "dim",
}


def matrix_table(matrix: SelfTest) -> Table:
    """Return one row per variant: what became of it, which findings failed, which one should."""
    title = f"{matrix.product}: {matrix.file}, V8 {matrix.v8_version}, {matrix.target}"
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("failed", overflow="fold")
    table.add_column("one of these should", overflow="fold")
    for row in matrix.rows:
        table.add_row(
            Text(row.variant),
            Text(row.outcome, style=_STYLES[row.outcome]),
            Text(", ".join(row.failed) or (row.said if row.outcome is Outcome.NOT_MADE else "")),
            Text(", ".join(row.expected) or "none"),
        )
    return table
