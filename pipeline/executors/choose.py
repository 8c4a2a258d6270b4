"""Which executor runs a target's programs here: found by running one, with the reason why each other was not taken."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.docker import DockerExecutor
from pipeline.executors.native import NativeExecutor
from pipeline.executors.qemu import QemuExecutor
from pipeline.model.execution import Executor
from pipeline.model.target import Target, target_of_machine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """What there is to run a target's programs with."""

    target: Target
    sysroot: Path
    qemu: Path
    qemu_version: str
    engine_env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Where a container engine is (DOCKER_HOST and its companions) and which image is wanted."""


def candidates(means: Means) -> dict[str, Executor]:
    """Return the executors that could run the target's programs here, by name, the fastest first."""
    found: dict[str, Executor] = {}
    if target_of_machine(platform.machine()) == means.target:
        found["native"] = NativeExecutor(sysroot=means.sysroot, target=means.target)
    emulator = QemuExecutor(
        program=means.qemu, version=means.qemu_version, sysroot=means.sysroot, cpu_model=means.target.qemu_cpu
    )
    container = DockerExecutor(
        target=means.target, sysroot=means.sysroot, emulator=emulator, engine_env=means.engine_env
    )
    return found | {"qemu": emulator, "docker": container}


def choose(means: Means, wanted: str = "auto") -> tuple[str, tuple[str, ...]]:
    """Return the name of the first executor that works here (or of the *wanted* one), and why or why not for each.

    Raises ExecutorUnavailableError when none works.
    """
    possible = candidates(means)
    reasons = []
    for name in [wanted] if wanted != "auto" else list(possible):
        if name not in possible:
            reasons.append(f"{name}: not possible for {means.target.name} programs on this machine")
            continue
        availability = possible[name].probe(means.target)
        reasons.append(availability.reason)
        if availability.available:
            return name, tuple(reasons)
    raise ExecutorUnavailableError(
        f"no program of {means.target.name} can be run here",
        cause="; ".join(reasons),
        action="run `python -m pipeline doctor`, or name another executor with --executor",
    )
