"""Which candidates fit a machine, and why the others do not. Pure.

The loader of npm packages (``pipeline/data/prebuild_loader/choice.cjs``) does the same; both answer the cases of
``tests/data/prebuilds/choice.json``.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable

from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildKind


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine as manifests describe it; what is not known is None."""

    platform: str
    """As ``process.platform`` has it."""
    arch: str
    """As ``process.arch`` has it."""
    arm_version: int | None = None
    libc: Libc | None = None
    libc_version: str | None = None
    node_api: int | None = None
    """None where no Node is meant."""
    node_abi: int | None = None

    def __str__(self) -> str:
        """Return the machine in a line."""
        parts = [f"{self.platform}-{self.arch}"]
        parts += [f"ARMv{self.arm_version}"] if self.arm_version else []
        parts += [" ".join(filter(None, (self.libc.value, self.libc_version)))] if self.libc else []
        parts += [f"Node-API {self.node_api}"] if self.node_api else []
        return ", ".join(parts)


class Misfit(enum.StrEnum):
    """Why a candidate is refused."""

    PLATFORM = "platform"
    ARCH = "arch"
    ARM_VERSION = "arm_version"
    LIBC = "libc"
    LIBC_VERSION = "libc_version"
    NODE_API = "node_api"
    NODE_ABI = "node_abi"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusal:
    """A candidate that does not fit."""

    prebuild: Prebuild
    code: Misfit
    text: str
    """Goes on from the candidate's name: ``needs glibc 2.38, this is 2.36``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Candidates that fit, best first, and those that do not."""

    fitting: tuple[Prebuild, ...]
    refused: tuple[Refusal, ...]


def choose(
    prebuilds: Iterable[Prebuild], machine: Machine, *, kind: PrebuildKind | None = None, name: str | None = None
) -> Choice:
    """Return which *prebuilds* of this *kind* and *name* (None: of any) fit *machine*.

    What the machine does not know of itself refuses nothing but a C library: the probe decides.
    """
    fitting, refused = [], []
    for prebuild in prebuilds:
        if (kind and prebuild.kind is not kind) or (name and prebuild.name != name):
            continue
        misfit = _misfit(prebuild, machine)
        if misfit:
            refused.append(Refusal(prebuild=prebuild, code=misfit[0], text=misfit[1]))
        else:
            fitting.append(prebuild)
    return Choice(fitting=tuple(sorted(fitting, key=_rank)), refused=tuple(refused))


def _misfit(prebuild: Prebuild, machine: Machine) -> tuple[Misfit, str] | None:
    if prebuild.platform != machine.platform:
        return Misfit.PLATFORM, f"is for {prebuild.platform}"
    if prebuild.arch != machine.arch:
        return Misfit.ARCH, f"is for {prebuild.arch}"
    if _is_more(prebuild.arm_version, machine.arm_version):
        return Misfit.ARM_VERSION, f"needs ARMv{prebuild.arm_version}, this is ARMv{machine.arm_version}"
    return _libc_misfit(prebuild, machine) or _node_misfit(prebuild, machine)


def _libc_misfit(prebuild: Prebuild, machine: Machine) -> tuple[Misfit, str] | None:
    if prebuild.libc is None:
        return None
    libc, floor, here = prebuild.libc, prebuild.libc_floor, machine.libc_version
    if libc is not machine.libc:
        return Misfit.LIBC, f"is for {libc.value}"
    if floor and here and version_numbers(floor) > version_numbers(here):
        return Misfit.LIBC_VERSION, f"needs {libc.value} {floor}, this is {here}"
    return None


def _node_misfit(prebuild: Prebuild, machine: Machine) -> tuple[Misfit, str] | None:
    if _is_more(prebuild.node_api, machine.node_api):
        return Misfit.NODE_API, f"needs Node-API {prebuild.node_api}, this Node has {machine.node_api}"
    if prebuild.node_abi and machine.node_abi and prebuild.node_abi != machine.node_abi:
        return Misfit.NODE_ABI, f"is for Node's ABI {prebuild.node_abi}, this Node has {machine.node_abi}"
    return None


def _is_more(needed: int | None, there: int | None) -> bool:
    return needed is not None and there is not None and needed > there


def _rank(prebuild: Prebuild) -> tuple[object, ...]:
    """Return what sorts the candidate that says most about what it is for to the front."""
    floor = tuple(-number for number in version_numbers(prebuild.libc_floor or "0"))
    # Four numbers at most: padded, so that longer versions do not sort by their length.
    padded = (*floor, *(0,) * (4 - len(floor)))
    return (
        -(prebuild.arm_version or 0),
        prebuild.libc is None,
        padded,
        -(prebuild.node_abi or 0),
        -(prebuild.node_api or 0),
        prebuild.path,
    )


def version_numbers(version: str) -> tuple[int, ...]:
    """Return a dotted version as numbers, without zeros at its end."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
