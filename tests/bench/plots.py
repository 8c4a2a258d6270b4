"""The plots of docs/benchmarks.md: SVG that is equal when its figures are, readable on light and dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#7a7f87"
"""A grey that both a white and a black page let read."""
COLOURS = ("#2f7ed8", "#d9822b", "#3aa655", "#b0468d")
SIZE_INCHES = (7.0, 3.2)


def write(figures: dict[str, Any], directory: Path) -> None:
    """Draw what was measured into *directory*."""
    directory.mkdir(exist_ok=True)
    mpl.rcParams.update(
        {
            "svg.hashsalt": "snapstitch", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
            "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
        }
    )  # fmt: skip
    if ways := figures.get("ways"):
        _save(_ways(ways), directory / "ways.svg")
    if targets := figures.get("targets"):
        lines = {"clock": "wall_s", "CPU": "cpu_s"}
        _save(_lines(targets, "targets", "number of targets", lines), directory / "targets.svg")
    if crates := figures.get("crates"):
        lines = {
            "first build": "wall_s",
            "nothing changed": "unchanged_wall_s",
            "analyze and lift": "analyze_and_lift_s",
        }
        _save(_lines(crates, "crates", "crates", lines), directory / "crates.svg")
    if snapshots := figures.get("snapshots"):
        rows = [row | {"snapshot_mb": row["snapshot_bytes"] / 1e6} for row in snapshots]
        lines = {
            "snapshot (emulated)": "snapshot_s",
            "product": "product_s",
            "package": "package_s",
            "verify": "verify_s",
        }
        _save(_lines(rows, "snapshot_mb", "snapshot, MB", lines), directory / "snapshots.svg")


def _ways(ways: dict[str, Any]) -> Figure:
    done = {name: way for name, way in ways.items() if "failed" not in way}
    figure, axes = _axes()
    names = list(reversed(done))
    bars = axes.barh(
        names,
        [done[name]["cpu_s"] for name in names],
        color=[COLOURS[0] if done[name]["runs"] else COLOURS[1] for name in names],
    )
    axes.bar_label(
        bars, [f"{done[name]['cpu_s']:.0f} s{'' if done[name]['runs'] else ', wrong'}" for name in names], padding=3
    )
    axes.set_xlabel("CPU seconds")
    axes.margins(x=0.2)
    return figure


def _lines(rows: list[dict[str, Any]], x: str, label: str, lines: dict[str, str]) -> Figure:
    figure, axes = _axes()
    for (title, key), colour in zip(lines.items(), COLOURS, strict=False):
        axes.plot([row[x] for row in rows], [row[key] for row in rows], marker="o", color=colour, label=title)
    axes.set_xlabel(label)
    axes.set_ylabel("seconds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # Without a date, equal figures give equal bytes.
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
