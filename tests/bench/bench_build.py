"""Measures the main jobs as a person meets them, and writes JSON.

    nox -s bench -- [--only build|verify] [--target arm64] [--rounds 3] [--out bench.json]

First build, second build and one changed script; and the verification of a program of 150 MB (``bench_verify.py``).

The first build starts from an empty cache directory, the toolbox included; Cargo's registry cache is the caller's.
Nothing here passes or fails: it is a benchmark, not a test.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import bench_verify

ROOT = Path(__file__).resolve().parent.parent.parent
PICO = ROOT / "examples" / "pico"
START_UP = "console.log(performance.now())"


def main() -> None:
    """Measure and write."""
    options = read_options()
    result: dict[str, Any] = {"machine": describe_machine()}
    if options.only != "verify":
        result |= measure_builds(options.target, options.rounds)
    if options.only != "build":
        result["verify"] = bench_verify.measure(options.rounds)
    text = json.dumps(result, indent=2) + "\n"
    options.out.write_text(text)
    sys.stdout.write(text)


def measure_builds(target: str, rounds: int) -> dict[str, Any]:
    """Build pico again and again; return what it took."""
    with tempfile.TemporaryDirectory(prefix="snapstitch-bench-") as directory:
        place = Path(directory)
        workspace = place / "pico"
        shutil.copytree(PICO, workspace, ignore=shutil.ignore_patterns("target"))
        build = Build(place, workspace, target)
        return {
            "target": target,
            "first": build.run(),
            "second": repeat(rounds, build.run),
            "one_script_changed": repeat(rounds, lambda: build.run(change=True)),
        }


class Build:
    """One command line, run again and again."""

    def __init__(self, place: Path, workspace: Path, target: str) -> None:
        self._script = workspace / "crates" / "runtime" / "js" / "90_pico.js"
        self._changes = 0
        self._argv = [
            sys.executable, "-m", "pipeline", "--cache-dir", str(place / "cache"), "--json", "build",
            "--target", target, "--path", str(workspace), "--package", "pico", "--vm-crate", "pico_v8",
            "--system-package", "libnode-dev", "--suite", "bookworm", "--toolchain", "private",
            "--check", "eval 'console.log(6 * 7)' => 42", "--out", str(place / "dist"),
        ]  # fmt: skip

    def run(self, *, change: bool = False) -> dict[str, Any]:
        """Build once; return wall-clock seconds and those of the steps."""
        if change:
            self._changes += 1
            self._script.write_text(self._script.read_text() + f"\nglobalThis.change = {self._changes};\n")
        started = time.monotonic()
        done = subprocess.run(
            self._argv, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        wall_s = time.monotonic() - started
        (outcome,) = json.loads(done.stdout)["outcomes"]
        steps = outcome["steps"]
        return {
            "wall_s": round(wall_s, 2),
            "download_s": round(sum(step["duration_s"] for step in steps if step["where"] == "network"), 2),
            "emulated_cpu_s": outcome["emulated_cpu_s"],
            "steps": {step["title"]: round(step["duration_s"], 2) for step in steps},
        }


def repeat(rounds: int, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run several rounds; return the median and all of them."""
    results = [run() for _ in range(rounds)]
    return {"median_wall_s": statistics.median(result["wall_s"] for result in results), "rounds": results}


def describe_machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {"processors": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("build", "verify"), help="leave the other out")
    parser.add_argument("--target", default="arm64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
