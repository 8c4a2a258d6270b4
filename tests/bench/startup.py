"""How soon the product runs a program's first line, with its snapshot and without."""

from __future__ import annotations

import subprocess
from typing import Any

from tests.bench.measuring import median
from tests.bench.places import Place
from tests.bench.trees import fresh_pico

SCRIPT = "console.log(performance.now())"
TARGETS = ("amd64", "arm64")


def measure(place: Place, rounds: int) -> dict[str, Any]:
    """Return milliseconds from the start of V8 to the first line, and what the whole process took."""
    place.forget_builds()
    place.build(fresh_pico(place.directory), TARGETS)
    return {target: _measure(place, target, rounds * (10 if target == "amd64" else 1)) for target in TARGETS}


def _measure(place: Place, target: str, rounds: int) -> dict[str, Any]:
    toolchain = place.toolchain(target)
    (program,) = place.cache_dir.glob(f"work/pico-*/target/{toolchain.target.rust_triple}/release/pico")
    loader = str(toolchain.sysroot / toolchain.target.interpreter.lstrip("/"))
    libraries = str(toolchain.sysroot / "usr/lib" / toolchain.target.gnu_triple)
    start = (
        [loader, "--library-path", libraries]
        if target == "amd64"
        else [str(toolchain.qemu), "-L", str(toolchain.sysroot)]
    )

    def first_line_ms(*options: str) -> float:
        argv = [*start, str(program), *options, "eval", SCRIPT]
        return median([float(subprocess.check_output(argv, env={}, text=True)) for _ in range(rounds)])

    return {"rounds": rounds, "with_ms": first_line_ms(), "without_ms": first_line_ms("--no-snapshot")}
