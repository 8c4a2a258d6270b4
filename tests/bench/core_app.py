"""A program on `deno_core`, 185 packages and an archive of V8, for arm64: lifted, in a root, and all emulated.

What the other ways of `ways` would take cannot be had: a plain build, and the naive cross build, link V8 for the build
machine as well, and there is no archive of that one beside the target's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.model.target import find_target
from tests.bench.measuring import Usage
from tests.bench.places import ROOT, SUITE, BenchError, Place
from tests.bench.ways import failure

NAME = "deno-core-app"
TARGET = find_target("arm64")
# The profile `fast` of releases.toml, for Cargo alone.
PROFILE = {"OPT_LEVEL": "1", "LTO": "false", "CODEGEN_UNITS": "16", "DEBUG": "false", "INCREMENTAL": "false"}


def measure(place: Place, mirror: Path, *, full: bool) -> dict[str, Any]:
    """Build it in each way, once, with archives of V8 from *mirror*; all emulated when *full*."""
    return {
        name: _measured(place, mirror.resolve(), way) for name, way in WAYS.items() if full or name != "root-emulated"
    }


def _measured(place: Place, mirror: Path, way: Callable[[Place, Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return way(place, mirror)
    except BenchError as error:
        return {"failed": failure(error)}


def _pipeline(place: Place, mirror: Path, *options: str) -> dict[str, Any]:
    arguments = ("build", "--runtime", NAME, "--target", TARGET.name, "--suite", SUITE, *options)
    where = ("--v8", f"prebuilt:{mirror}", "--out", place.directory / "dist", "--spec", ROOT / "releases.toml")
    # Tools, sysroot, root and packages are fetched by a first build, which is not measured.
    place.pipeline(*arguments, *where)
    place.forget_builds()
    usage, result = place.pipeline(*arguments, *where)
    (outcome,) = result["outcomes"]
    return _taken(usage) | {
        "emulated_cpu_s": outcome["emulated_cpu_s"],
        "steps": {step["title"]: step["duration_s"] for step in outcome["steps"]},
    }


def _emulated(place: Place, mirror: Path) -> dict[str, Any]:
    """Build with Cargo in a root whose compilers are its own."""
    workspace = place.directory / NAME
    shutil.copytree(ROOT / "examples" / NAME, workspace, ignore=shutil.ignore_patterns("target"), dirs_exist_ok=True)
    profile = {f"CARGO_PROFILE_RELEASE_{name}": value for name, value in PROFILE.items()}
    inside = {"RUSTY_V8_MIRROR": "/opt/v8", **profile}
    seen = ["--mount", f"{mirror}:/opt/v8:ro", "--no-network"]
    seen += [word for name, value in inside.items() for word in ("--env", f"{name}={value}")]
    return _taken(place.cargo_in_root(workspace, ["--no-native"], seen))


def _taken(usage: Usage) -> dict[str, Any]:
    return {"wall_s": usage.wall_s, "cpu_s": usage.cpu_s, "peak_memory_mb": usage.peak_memory_mb}


WAYS: dict[str, Callable[[Place, Path], dict[str, Any]]] = {
    "pipeline": _pipeline,
    "root-native": lambda place, mirror: _pipeline(place, mirror, "--strategy", "root"),
    "root-emulated": _emulated,
}
