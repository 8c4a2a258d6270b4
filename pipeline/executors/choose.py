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
from pipeline.executors.ssh import SshExecutor
from pipeline.model.execution import Executor
from pipeline.model.ssh import SshHost
from pipeline.model.target import Target, target_of_machine

NAMES = ("native", "qemu", "docker", "ssh")
"""All executors, in the order in which they are tried."""
OF_THIS_MACHINE = frozenset({"native", "qemu"})
"""Executors whose programs are ordinary processes of this machine, descendants of the one that starts them."""
_ASKED_FOR = "ssh: only where a host is named (--executor ssh:[user@]host)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """What there is to run a target's programs with."""

    target: Target
    sysroot: Path
    qemu: Path | None = None
    """The emulator, where there is one."""
    qemu_version: str = ""
    engine_env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Where a container engine is (DOCKER_HOST and its companions) and which image is wanted."""
    host: SshHost | None = None
    """A machine that is reached by SSH."""
    client_env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What OpenSSH's client needs to find its keys."""
    keep_dir: Path | None = None
    """Where executors leave what a run by hand needs."""


def candidates(means: Means) -> dict[str, Executor]:
    """Return the executors that could run the target's programs here, by name, the fastest first."""
    found: dict[str, Executor] = {}
    if target_of_machine(platform.machine()) == means.target:
        found["native"] = NativeExecutor(sysroot=means.sysroot, target=means.target)
    emulator = None
    if means.qemu is not None:
        emulator = QemuExecutor(
            program=means.qemu, version=means.qemu_version, sysroot=means.sysroot, cpu_model=means.target.qemu_cpu
        )
        found["qemu"] = emulator
    found["docker"] = DockerExecutor(
        target=means.target, sysroot=means.sysroot, emulator=emulator, engine_env=means.engine_env
    )
    if means.host is not None:
        found["ssh"] = SshExecutor(
            host=means.host, environ=means.client_env, sysroot=means.sysroot, keep_dir=means.keep_dir
        )
    return found


def choose(means: Means, wanted: str = "auto") -> tuple[str, tuple[str, ...]]:
    """Return the name of the first executor that works here (or of the *wanted* one), and why or why not for each.

    Raises ExecutorUnavailableError when none works.
    """
    possible = candidates(means)
    chosen, reasons = None, []
    for name in [wanted] if wanted != "auto" else NAMES:
        if chosen is not None or name not in possible:
            reasons.append(_not_asked(name, means, chosen))
            continue
        availability = possible[name].probe(means.target)
        reasons.append(availability.reason)
        chosen = name if availability.available else None
    if chosen is not None:
        return chosen, tuple(reasons)
    raise ExecutorUnavailableError(
        f"no program of {means.target.name} can be run here",
        cause="; ".join(reasons),
        action="run `python -m pipeline doctor`, or name another executor with --executor",
    )


def _not_asked(name: str, means: Means, chosen: str | None) -> str:
    if name == "ssh" and means.host is None:
        return _ASKED_FOR
    if name == "native" and chosen is None:
        return f"native: this machine is no {means.target.name} ({platform.machine()})"
    if chosen is None:
        return f"{name}: there is no emulator at hand"
    return f"{name}: not tried, {chosen} comes first"
