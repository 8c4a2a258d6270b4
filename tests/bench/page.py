"""docs/benchmarks.md, of the figures in docs/benchmarks.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2

from tests.bench.places import ROOT

RESULTS = ROOT / "docs" / "benchmarks.json"
PAGE = ROOT / "docs" / "benchmarks.md"
TEMPLATE = Path(__file__).parent / "benchmarks.md.j2"
TITLES = {
    "pipeline": "**this pipeline**",
    "native": "plain Cargo, for the build machine",
    "naive": "plain Cargo with a cross toolchain",
    "zigbuild": "cargo-zigbuild",
    "root-native": "Cargo in an arm64 root, native compilers",
    "root-emulated": "Cargo in an arm64 root, all emulated",
}


def write(results: Path, page: Path) -> None:
    """Write the page and, beside it, its plots."""
    # Only those who make the page need what draws.
    from tests.bench import plots  # noqa: PLC0415

    figures = json.loads(results.read_text(encoding="utf-8"))
    page.write_text(render(figures), encoding="utf-8")
    plots.write(figures, page.parent / "plots")


def render(figures: dict[str, Any]) -> str:
    """Return the page's text."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, autoescape=False
    )  # fmt: skip
    machines = figures["machine"]
    parts = {name.replace("-", "_"): figures.get(name) for name in (
        "ways", "core-app", "first", "incremental", "targets", "crates", "snapshots", "startup", "verify"
    )}  # fmt: skip
    loads = sorted({machine["load"] for machine in machines.values()})
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **parts,
        machine=next(iter(machines.values())),
        loads=f"{loads[0]} to {loads[-1]}" if loads[-1] > 1 else "",
        titles=TITLES,
        ratio=_ratio,
    )
    # What a condition left out must not leave gaps, nor glue parts together.
    return re.sub(r"\n+(?=## |!\[)", "\n\n", text)


def _ratio(value: float, of: float) -> str:
    return f"{value / of:.2f} times"
