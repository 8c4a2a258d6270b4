"""What a file needs, measured once more, and a run that shows that it works here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from pipeline.elf.policy import version_text
from pipeline.elf.reader import is_elf, read_elf
from pipeline.installing.choice import Machine, version_numbers
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildKind
from pipeline.processes import proc

_LOAD_TIMEOUT_S = 30.0
# Threads that an addon may have started must not keep the process.
_LOAD = "require(process.argv[1]); process.exit(0);"
_VERSIONS = "console.log(JSON.stringify([process.versions.napi, process.versions.modules].map(Number)))"
_MAX_SHOWN = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of running something."""

    ran: bool
    duration_s: float = 0.0
    problem: str = ""
    """Why it does not work; empty when it does, or was not run."""


def measured_problem(path: Path, machine: Machine) -> str:
    """Return why the ELF file *path* cannot run on *machine*, whatever its index says; empty when nothing is wrong.

    Raises ArchiveError for a damaged file.
    """
    if machine.platform != "linux" or not is_elf(path):
        return ""
    facts = read_elf(path)
    target = facts.target()
    if target and target.node_arch != machine.arch:
        return f"is measured to be for {target.node_arch}"
    newest = facts.newest_version("GLIBC")
    if newest and machine.libc is Libc.GLIBC and machine.libc_version:
        floor = version_text(newest)
        if version_numbers(floor) > version_numbers(machine.libc_version):
            return f"is measured to need glibc {floor}, this is {machine.libc_version}"
    return ""


def with_node(machine: Machine, node: Path | None, environ: Mapping[str, str]) -> Machine:
    """Return *machine* with what the program *node* says of itself; without one, as it is."""
    if node is None:
        return machine
    command = proc.Command(
        argv=(str(node), "-e", _VERSIONS), env=proc.base_environment(environ), timeout_s=_LOAD_TIMEOUT_S
    )
    node_api, node_abi = json.loads(proc.check(command).stdout)
    return dataclasses.replace(machine, node_api=node_api, node_abi=node_abi)


def try_here(prebuild: Prebuild, path: Path, node: Path | None, environ: Mapping[str, str]) -> Trial:
    """Run the probe of a program, or load an addon in *node*."""
    if prebuild.kind is PrebuildKind.NODE_ADDON:
        if node is None:
            return Trial(ran=False)
        argv = (str(node), "-e", _LOAD, str(path))
        command = proc.Command(argv=argv, env=proc.base_environment(environ), timeout_s=_LOAD_TIMEOUT_S)
        return _tried(command, 0, "does not load")
    if prebuild.probe is None:
        return Trial(ran=False)
    probe = prebuild.probe
    command = proc.Command(argv=(str(path), *probe.args), env={}, cwd=path.parent, timeout_s=probe.timeout_s)
    return _tried(command, probe.exit_code, f"does not answer its probe with {probe.exit_code}")


def _tried(command: proc.Command, exit_code: int, what: str) -> Trial:
    ended = proc.run(command)
    if not ended.timed_out and ended.exit_code == exit_code:
        return Trial(ran=True, duration_s=ended.duration_s)
    how = f"no end within {command.timeout_s:g} s" if ended.timed_out else proc.describe_exit(ended.exit_code)
    lines = ended.stderr.decode(errors="replace").splitlines()
    words = ("error", "not found", "glibc")
    said = next((line.strip() for line in lines if any(word in line.lower() for word in words)), "")
    return Trial(
        ran=True, duration_s=ended.duration_s, problem=f"{what}: {how}{f', {said[:_MAX_SHOWN]}' if said else ''}"
    )
