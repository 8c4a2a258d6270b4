"""Measures what people wait for, writes JSON, and makes docs/benchmarks.md and its plots of it.

    nox -s bench -- [--full --v8-mirror DIR] [--only PART …] [--rounds 3] [--out bench.json]
    nox -s bench -- --page                 # docs/benchmarks.md and docs/plots/*.svg, from docs/benchmarks.json

A part that was not measured this time stays as the file has it. Everything is measured on this machine, one after the
other; ratios compare what one run measured. Nothing here passes or fails: it is a benchmark, not a test.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import bench_verify, core_app, first, growth, page, startup, ways
from tests.bench.measuring import describe_machine
from tests.bench.places import ROOT, Place

Part = Callable[[Place, argparse.Namespace], Any]
PARTS: dict[str, Part] = {
    "first": lambda place, _options: first.measure(place),
    "ways": lambda place, options: ways.measure(place, options.rounds, full=options.full),
    "core-app": lambda place, options: core_app.measure(place, options.v8_mirror, full=options.full),
    "incremental": lambda place, options: growth.incremental(place, options.rounds),
    "targets": lambda place, options: growth.targets(place, full=options.full),
    "crates": lambda place, options: growth.crates(place, full=options.full),
    "snapshots": lambda place, options: growth.snapshots(place, full=options.full),
    "startup": lambda place, options: startup.measure(place, options.rounds),
    "verify": lambda _place, options: bench_verify.measure(options.rounds),
}


def main() -> None:
    """Measure and write, or make the page."""
    options = read_options()
    if options.page:
        page.write(page.RESULTS, page.PAGE)
        return
    result: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.only or usual_parts(options):
        sys.stderr.write(f"{name} …\n")
        # A directory for each part: none finds what another one left.
        with tempfile.TemporaryDirectory(prefix="snapstitch-bench-") as directory:
            measured = PARTS[name](Place(Path(directory), options.cache_dir), options)
        result[name] = measured
        result.setdefault("machine", {})[name] = describe_machine()
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(options.out.read_text())


def usual_parts(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the parts that are measured when none is named; says what is left out of all of them."""
    if options.full and options.v8_mirror is None:
        sys.stderr.write("core-app is left out: it needs --v8-mirror DIR\n")
    return tuple(part for part in PARTS if part != "core-app" or (options.full and options.v8_mirror))


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--full", action="store_true", help="emulated roots, five targets, 800 crates, 50 MB, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=page.RESULTS, help="read and written; default: the page's own")
    parser.add_argument("--cache-dir", type=Path, default=ROOT / ".nox" / "bench-cache", help="for tools; kept")
    parser.add_argument("--page", action="store_true", help="measure nothing: make the page")
    parser.add_argument("--v8-mirror", type=Path, help="archives of V8, for core-app: docs/v8-archives.md")
    options = parser.parse_args()
    if options.v8_mirror is None and "core-app" in (options.only or ()):
        parser.error("core-app needs --v8-mirror DIR, such as `nox -s v8-arm64` leaves behind")
    return options


if __name__ == "__main__":
    main()
