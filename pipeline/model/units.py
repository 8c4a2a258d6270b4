"""What ``plan --units`` says: the units of a build beside those of a plain native one."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitRow:
    """Units of one kind: on one side, with one optimisation level, or runs of build scripts."""

    kind: str
    native: int
    """Of ``cargo build`` of the untouched sources, on this machine and for it."""
    generators: int
    """Of all generators together."""
    product: int
    both: int
    """Of generators and product together; what they share is counted once, because it is compiled once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitTable:
    """The units of one runtime, target and profile."""

    runtime: str
    version: str
    target: str
    profile: str
    rows: tuple[UnitRow, ...]

    @property
    def total(self) -> UnitRow:
        """Return the sum of all rows."""
        return UnitRow(
            kind="together",
            native=sum(row.native for row in self.rows),
            generators=sum(row.generators for row in self.rows),
            product=sum(row.product for row in self.rows),
            both=sum(row.both for row in self.rows),
        )


def as_text(table: UnitTable) -> str:
    """Return the table for people, in Markdown."""
    cells = (
        (row.kind, str(row.native), str(row.generators), str(row.product), str(row.both))
        for row in (*table.rows, table.total)
    )
    lines = (
        f"{table.runtime} {table.version} for {table.target}, profile {table.profile}: units of Cargo's graphs",
        "",
        "| units | plain native build | generators | product | generators and product |",
        "|---|---:|---:|---:|---:|",
        *(f"| {' | '.join(row)} |" for row in cells),
    )
    return "\n".join(lines) + "\n"


def as_json(table: UnitTable) -> dict[str, object]:
    """Return the table for programs."""
    return dataclasses.asdict(table) | {"total": dataclasses.asdict(table.total)}
