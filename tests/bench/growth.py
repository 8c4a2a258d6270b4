"""How the parts grow: with crates, with the size of the snapshot, with targets; and what a change costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.measuring import Usage, median
from tests.bench.places import Place
from tests.bench.trees import RUST_FILE, SCRIPT, add_ballast, add_crates, append, fresh_pico

CRATES = (10, 100)
CRATES_FULL = (10, 50, 200, 800)
BALLAST_MB = (0, 1, 5)
BALLAST_MB_FULL = (0, 1, 5, 20, 50)
TARGETS = ("arm64", "amd64", "s390x", "ppc64el", "armhf")


def crates(place: Place, *, full: bool) -> list[dict[str, Any]]:
    """Build trees of more and more crates from nothing."""
    return [_with_crates(place, count) for count in (CRATES_FULL if full else CRATES)]


def snapshots(place: Place, *, full: bool) -> list[dict[str, Any]]:
    """Build with larger and larger snapshots: steps of a build after the first one."""
    return [_with_ballast(place, size) for size in (BALLAST_MB_FULL if full else BALLAST_MB)]


def targets(place: Place, *, full: bool) -> list[dict[str, Any]]:
    """Build for more and more targets in one call, their tools at hand."""
    measured = []
    for count in range(1, (len(TARGETS) if full else 2) + 1):
        chosen = TARGETS[:count]
        for target in chosen:
            place.toolchain(target)
        place.forget_builds()
        usage, outcomes = place.build(fresh_pico(place.directory), chosen)
        units = [_units(outcome) for outcome in outcomes]
        measured.append({"targets": count, **_figures(usage), "host_units": [host for host, _ in units]})
    return measured


def incremental(place: Place, rounds: int) -> dict[str, Any]:
    """Change one thing at a time in a tree that is built."""
    place.forget_builds()
    workspace = fresh_pico(place.directory)
    place.build(workspace)
    changes: dict[str, Callable[[int], object]] = {
        "nothing": lambda _number: None,
        "one JavaScript file": lambda number: append(workspace / SCRIPT, f"\nglobalThis.change = {number};\n"),
        "one Rust file": lambda number: append(
            workspace / RUST_FILE, f"\n/// Nothing.\npub fn change_{number}() {{}}\n"
        ),
        "one dependency": lambda number: _another_dependency(place, workspace, number),
    }
    return {name: _changed(place, workspace, change, rounds) for name, change in changes.items()}


def _changed(place: Place, workspace: Path, change: Callable[[int], object], rounds: int) -> dict[str, Any]:
    runs = []
    for number in range(rounds):
        change(number)
        usage, outcomes = place.build(workspace)
        runs.append((usage, outcomes))
    return {
        "wall_s": median([usage.wall_s for usage, _ in runs]),
        "cpu_s": median([usage.cpu_s for usage, _ in runs]),
        "units": sum(_units(runs[-1][1][0])),
        "emulated_cpu_s": median([outcomes[0]["emulated_cpu_s"] for _, outcomes in runs]),
    }


def _another_dependency(place: Place, workspace: Path, number: int) -> None:
    """Add a crate the first time; change it the others."""
    if number == 0:
        add_crates(workspace, 1, place.toolchain("arm64").cargo)
    else:
        append(workspace / "crates/filler-0/src/lib.rs", f"\n/// Nothing.\npub fn change_{number}() {{}}\n")


def _with_crates(place: Place, count: int) -> dict[str, Any]:
    place.forget_builds()
    workspace = fresh_pico(place.directory)
    add_crates(workspace, count, place.toolchain("arm64").cargo)
    first, (outcome,) = place.build(workspace)
    again, (unchanged,) = place.build(workspace)
    return {
        "crates": count,
        **_figures(first),
        "analyze_and_lift_s": _seconds(outcome, "analyze", "lift"),
        "unchanged_wall_s": again.wall_s,
        "unchanged_analyze_and_lift_s": _seconds(unchanged, "analyze", "lift"),
    }


def _with_ballast(place: Place, size_mb: int) -> dict[str, Any]:
    workspace = fresh_pico(place.directory)
    place.build(workspace)
    if size_mb:
        add_ballast(workspace, size_mb * 1_000_000)
        _usage, (outcome,) = place.build(workspace)
    else:
        _usage, (outcome,) = place.build(workspace, ("arm64",), "--fresh-snapshot")
    steps = {step["title"]: step for step in outcome["steps"]}
    snapshot = next(step for title, step in steps.items() if title.startswith("snapshot of"))
    blobs = place.cache_dir.glob("work/pico-*/target/aarch64-unknown-linux-gnu/release/build/*/out/PICO_SNAPSHOT.bin")
    return {
        "ballast_mb": size_mb,
        "snapshot_bytes": max(blobs, key=lambda path: path.stat().st_mtime).stat().st_size,
        "snapshot_s": round(snapshot["duration_s"], 2),
        "product_s": _seconds(outcome, "compile product"),
        "package_s": _seconds(outcome, "package"),
        "verify_s": _seconds(outcome, "verify"),
        "zip_bytes": outcome["files"][0]["size_bytes"],
    }


def _figures(usage: Usage) -> dict[str, float]:
    return {"wall_s": usage.wall_s, "cpu_s": usage.cpu_s}


def _seconds(outcome: dict[str, Any], *titles: str) -> float:
    return round(sum(float(step["duration_s"]) for step in outcome["steps"] if step["title"] in titles), 2)


def _units(outcome: dict[str, Any]) -> tuple[int, int]:
    steps = outcome["steps"]
    return sum(step["compiled_host_units"] for step in steps), sum(step["compiled_target_units"] for step in steps)
