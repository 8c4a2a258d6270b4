"""Which executor runs a target's programs here: found by running one, with the reason why each other was not taken."""

from __future__ import annotations

import platform

from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.native import NativeExecutor
from pipeline.executors.qemu import QemuExecutor
from pipeline.model.execution import Executor
from pipeline.model.target import target_of_machine
from pipeline.model.toolchain import Toolchain


def candidates(toolchain: Toolchain) -> dict[str, Executor]:
    """Return the executors that could run *toolchain*'s target here, the fastest first."""
    target = toolchain.target
    qemu = QemuExecutor(
        program=toolchain.qemu,
        version=toolchain.qemu_version,
        sysroot=toolchain.sysroot,
        cpu_model=target.qemu_cpu,
    )
    found: dict[str, Executor] = {}
    if target_of_machine(platform.machine()) == target:
        found["native"] = NativeExecutor(sysroot=toolchain.sysroot, target=target)
    return found | {"qemu": qemu}


def choose(toolchain: Toolchain, wanted: str = "auto") -> tuple[Executor, tuple[str, ...]]:
    """Return the first executor that works here (or the *wanted* one), and a reason for each that was tried.

    Raises ExecutorUnavailableError when none works.
    """
    possible = candidates(toolchain)
    names = [wanted] if wanted != "auto" else list(possible)
    reasons = []
    for name in names:
        if name not in possible:
            reasons.append(f"{name}: not possible for {toolchain.target.name} programs on this machine")
            continue
        availability = possible[name].probe(toolchain.target)
        reasons.append(availability.reason)
        if availability.available:
            return possible[name], tuple(reasons)
    raise ExecutorUnavailableError(
        f"no program of {toolchain.target.name} can be run here",
        cause="; ".join(reasons),
        action="run `python -m pipeline doctor`, or name another executor with --executor",
    )
