"""The table of `plan --units`."""

from __future__ import annotations

from pipeline.model.units import UnitRow, UnitTable, as_json, as_text

TABLE = UnitTable(
    runtime="app",
    version="1.0.0",
    target="arm64",
    profile="fast",
    rows=(
        UnitRow(kind="host, opt-level 0", native=700, generators=200, product=201, both=201),
        UnitRow(kind="target, opt-level 1", native=600, generators=610, product=600, both=615),
    ),
)


def test_for_people() -> None:
    assert as_text(TABLE) == (
        "app 1.0.0 for arm64, profile fast: units of Cargo's graphs\n"
        "\n"
        "| units | plain native build | generators | product | generators and product |\n"
        "|---|---:|---:|---:|---:|\n"
        "| host, opt-level 0 | 700 | 200 | 201 | 201 |\n"
        "| target, opt-level 1 | 600 | 610 | 600 | 615 |\n"
        "| together | 1300 | 810 | 801 | 816 |\n"
    )


def test_for_programs() -> None:
    table = as_json(TABLE)
    assert table["total"] == {"kind": "together", "native": 1300, "generators": 810, "product": 801, "both": 816}
    assert table["profile"] == "fast"
