"""Decides what comes from the machine and what is fetched, and makes the toolchain."""

from __future__ import annotations

import dataclasses

from pipeline import fs
from pipeline.apt.failures import PackageGoneError
from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.toolchain import Toolchain
from pipeline.toolchains.assemble import Assembly
from pipeline.toolchains.install import Installation, Prefixes
from pipeline.toolchains.machine import FoundTool, MachineTools, Probe
from pipeline.toolchains.plan import GROUPS, Plan, toolbox_dir
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.request import ToolboxInputs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """Which tools are the machine's, and which groups of packages are fetched instead."""

    machine: MachineTools
    fetched: frozenset[str]


def split_tools(inputs: ToolboxInputs, context: Context) -> Split:
    """Return who provides what, by the mode that was asked for.

    Raises ToolboxError in mode ``host`` when the machine lacks something.
    """
    probe = make_probe(inputs, context)
    if inputs.mode == "private":
        return Split(machine=_nothing(), fetched=frozenset(GROUPS))
    machine = probe.look_once(fs.make_directory(toolbox_dir(context)))
    tools = dict(zip(GROUPS, machine.all(), strict=True))
    fetched = frozenset(group for group, tool in tools.items() if not tool.fits)
    if inputs.mode == "host":
        _require_everything(inputs, probe, [tools[group] for group in GROUPS if group in fetched])
    return Split(machine=machine, fetched=fetched)


def make_probe(inputs: ToolboxInputs, context: Context) -> Probe:
    """Return what looks for the machine's tools."""
    machine = inputs.machine
    return Probe(
        environ=context.environ,
        host=machine.host(),
        target=inputs.target,
        root=machine.root,
        llvm_major=inputs.llvm_major,
    )


def _nothing() -> MachineTools:
    absent = {name: FoundTool(name=name, path=None) for name in MachineTools.model_fields}
    return MachineTools(**absent)


def _require_everything(inputs: ToolboxInputs, probe: Probe, unfit: list[FoundTool]) -> None:
    lacking = [f"{tool.name} ({tool.unfit or 'not found'})" for tool in unfit]
    if not probe.has_sysroot():
        name = inputs.target.name
        lacking.append(f"libc6-dev:{name} and libstdc++-dev:{name} (not found)")
    if lacking:
        raise ToolboxError(
            f"this machine lacks what building for {inputs.target.name} takes:\n    " + "\n    ".join(lacking),
            cause="--toolchain host uses installed tools only",
            action="install them, or give --toolchain auto, which fetches what is missing",
        )


def make_toolchain(inputs: ToolboxInputs, context: Context) -> Toolchain:
    """Return the toolchain for *inputs*.

    Raises ToolboxError, NetworkError, IntegrityError, DiskFullError, NotWritableError.
    """
    _refuse_colon(context)
    split = split_tools(inputs, context)
    assembly = Assembly(
        context=context,
        host=inputs.machine.host(),
        target=inputs.target,
        plan=None,
        prefixes=None,
        machine=split.machine,
    )
    if inputs.mode == "host":
        return assembly.toolchain()
    planner = Planner.for_machine(inputs, context, split.fetched)
    plan, prefixes = _install(planner, split)
    return dataclasses.replace(assembly, plan=plan, prefixes=prefixes).toolchain()


def _install(planner: Planner, split: Split) -> tuple[Plan, Prefixes]:
    """Install what is planned; where the mirror lacks packages that its index names, plan anew, then with less."""
    try:
        return _install_once(planner, split)
    except PackageGoneError:
        planner = dataclasses.replace(planner, again=True)
    try:
        return _install_once(planner, split)
    except PackageGoneError as error:
        suites = planner.suites_that_name(error.packages)
        if not suites:
            raise
        planner.context.reporter.warn(f"going on without {', '.join(sorted(suites))}: {error.what}")
        planner = dataclasses.replace(planner, without=suites)
    return _install_once(planner, split)


def _install_once(planner: Planner, split: Split) -> tuple[Plan, Prefixes]:
    installation = make_installation(planner, split)
    return installation.plan, installation.ensure()


def make_installation(planner: Planner, split: Split) -> Installation:
    """Return the planned installation, not yet begun."""
    return Installation(
        plan=planner.plan(),
        context=planner.context,
        host=planner.host,
        target=planner.inputs.target,
        apt=planner.apts()[0],
        patchelf=None if "patchelf" in split.fetched else split.machine.patchelf.path,
    )


def _refuse_colon(context: Context) -> None:
    if ":" in str(context.cache_dir):
        raise ToolboxError(
            f"the cache directory {context.cache_dir} has a colon in its name",
            cause="it becomes part of lists such as PATH, whose entries are separated by colons",
            action="choose another place with --cache-dir",
        )
