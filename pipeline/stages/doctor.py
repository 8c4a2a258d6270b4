"""Looks at the machine: what is there, what a build would fetch, what is wrong and what to do about it."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from pipeline import fs
from pipeline.apt.fetch import APT_HELPER
from pipeline.apt.sources import AptSettings, choose_sources, is_own, read_machine_entries
from pipeline.context import Context
from pipeline.errors import PipelineError, RootError
from pipeline.executors.survey import Wanted, survey
from pipeline.model.doctor import DoctorFinding, Health
from pipeline.model.package import total_size_bytes
from pipeline.processes import proc
from pipeline.rootfs.probe import choose_way
from pipeline.toolchains.install import Installation
from pipeline.toolchains.machine import FoundTool
from pipeline.toolchains.make import Split, make_installation, make_probe, split_tools
from pipeline.toolchains.plan import GROUPS
from pipeline.toolchains.planner import Planner, identify_machine
from pipeline.toolchains.request import Machine, ToolboxInputs

BUILD_BYTES = 2_000_000_000
"""What a build of a small runtime takes beside the toolbox; large ones take more."""
UNPACKED_RATIO = 5
"""Unpacked bytes for each fetched byte: measured 4.6 for the tools, 4.4 for sysroots, packages themselves included."""
_DISTRIBUTION_NAME = "snapstitch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoctorInputs:
    """The toolboxes that builds on this machine would ask for."""

    toolboxes: tuple[ToolboxInputs, ...]
    executors: Wanted = dataclasses.field(default_factory=lambda: Wanted(targets=()))
    """Whose programs are to be run, and by which executor."""


def run(inputs: DoctorInputs, context: Context) -> tuple[DoctorFinding, ...]:
    """Return what was found; nothing that is found is raised."""
    machine = inputs.toolboxes[0].machine if inputs.toolboxes else Machine()
    findings = [*_machine(machine), *_programs(context), *_archives(inputs, machine, context)]
    findings += [*_python_packages(), *_cache_directory(context)]
    for toolbox in inputs.toolboxes:
        findings += _target(toolbox, context)
    findings += survey(inputs.executors, context.environ)
    findings += _roots(machine, context)
    return (*findings, *_disk_space(findings, context))


def _ok(subject: str, message: str) -> DoctorFinding:
    return DoctorFinding(subject=subject, health=Health.OK, message=message)


def _problem(subject: str, message: str, remedy: str) -> DoctorFinding:
    return DoctorFinding(subject=subject, health=Health.PROBLEM, message=message, remedy=remedy)


def _of_error(subject: str, error: PipelineError) -> DoctorFinding:
    return _problem(subject, f"{error.what} ({error.cause})", error.action)


def _machine(machine: Machine) -> Iterator[DoctorFinding]:
    try:
        host = machine.host()
        cores = len(os.sched_getaffinity(0))
        yield _ok("machine", f"{host.name}, {cores} cores, Linux {platform.release()}")
    except PipelineError as error:
        yield _of_error("machine", error)
    try:
        distribution, release = identify_machine(machine)
        yield _ok("distribution", f"{distribution.name} {release.version_id} ({release.codename})")
    except PipelineError as error:
        yield _of_error("distribution", error)


def _programs(context: Context) -> Iterator[DoctorFinding]:
    missing = [name for name in ("apt-get", "apt-cache", "dpkg-deb", "tar") if not _finds(name, context)]
    missing += [] if Path(APT_HELPER).is_file() else [APT_HELPER]
    if missing:
        remedy = "use Debian or Ubuntu, or installed tools only (--toolchain host)"
        yield _problem("apt", f"missing: {', '.join(missing)}", remedy)
    else:
        yield _ok("apt", "apt-get, apt-helper, dpkg-deb and tar are there")


def _finds(name: str, context: Context) -> bool:
    return proc.find_program(name, context.environ) is not None


def _archives(inputs: DoctorInputs, machine: Machine, context: Context) -> Iterator[DoctorFinding]:
    try:
        distribution, _release = identify_machine(machine)
    except PipelineError:
        return
    settings = AptSettings.from_environment(context.environ)
    keyrings = [settings.keyring] if settings.keyring else [Path(name) for name in distribution.keyrings]
    unreadable = [str(path) for path in keyrings if not os.access(path, os.R_OK)]
    if unreadable:
        remedy = f"install {distribution.keyring_package}, or set SNAPSTITCH_APT_KEYRING"
        yield _problem("keyring", f"cannot read {', '.join(unreadable)}", remedy)
    else:
        yield _ok("keyring", ", ".join(str(path) for path in keyrings))
    entries = read_machine_entries(machine.apt_dir)
    others = sorted({entry.uri for entry in entries if not is_own(entry, distribution)})
    ignored = f"; not used: {', '.join(others)}" if others else ""
    for toolbox in inputs.toolboxes[:1]:
        try:
            planner = Planner.for_machine(toolbox, context, frozenset(GROUPS))
            sources = choose_sources(planner.source_request(planner.host, planner.release))
            yield _ok("mirror", ", ".join(dict.fromkeys(source.uri for source in sources)) + ignored)
        except PipelineError as error:
            yield _of_error("mirror", error)


def _python_packages() -> Iterator[DoctorFinding]:
    try:
        lines = importlib.metadata.requires(_DISTRIBUTION_NAME) or []
    except importlib.metadata.PackageNotFoundError:
        yield _ok("python packages", f"Python {platform.python_version()}; run from a source tree, not installed")
        return
    wanted = [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = [str(requirement) for requirement in wanted if not _satisfied(requirement)]
    if wrong:
        remedy = "run `python3 -m pip install -e .` again in the environment that runs this"
        yield _problem("python packages", f"missing or too old: {', '.join(wrong)}", remedy)
    else:
        yield _ok("python packages", f"Python {platform.python_version()}, {len(wanted)} packages fit")


def _satisfied(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def _cache_directory(context: Context) -> Iterator[DoctorFinding]:
    probe = context.cache_dir / ".doctor"
    try:
        fs.write_text(probe, "can be written\n")
        probe.unlink()
        yield _ok("cache directory", str(context.cache_dir))
    except PipelineError as error:
        yield _of_error("cache directory", error)


def _target(toolbox: ToolboxInputs, context: Context) -> Iterator[DoctorFinding]:
    name = toolbox.target.name
    try:
        yield from _tools(toolbox, context)
        if toolbox.mode in {"host", "docker"}:
            return
        split = split_tools(toolbox, context)
        planner = Planner.for_machine(toolbox, context, split.fetched)
        yield _packages(name, make_installation(planner, split), split)
    except PipelineError as error:
        yield _of_error(f"{name}: toolbox", error)


def _tools(toolbox: ToolboxInputs, context: Context) -> Iterator[DoctorFinding]:
    name = toolbox.target.name
    if toolbox.mode == "private":
        return
    probe, host_only = make_probe(toolbox, context), toolbox.mode == "host"
    for tool in probe.look().all():
        yield _tool(f"{name}: {tool.name}", tool, host_only=host_only)
    if host_only and not probe.has_sysroot():
        remedy = f"install libc6-dev:{name} and a libstdc++-dev:{name}, or give --toolchain auto"
        yield _problem(f"{name}: sysroot", "no C and C++ development files of the target", remedy)


def _tool(subject: str, tool: FoundTool, *, host_only: bool) -> DoctorFinding:
    if tool.fits:
        return _ok(subject, f"{tool.version} in {tool.path}".strip())
    message = f"{tool.path}: {tool.unfit}" if tool.path else "not installed"
    if host_only:
        return _problem(subject, message, "install it, or give --toolchain auto")
    return DoctorFinding(subject=subject, health=Health.FETCH, message=f"{message}; the toolbox has it")


def _packages(name: str, installation: Installation, split: Split) -> DoctorFinding:
    subject = f"{name}: toolbox"
    prefixes, plan = installation.prefixes(), installation.plan
    if prefixes.complete():
        return _ok(subject, f"complete in {prefixes.sysroot.parent}")
    wanted = {p.file_name: p for p in plan.sysroot} if not prefixes.sysroot.is_dir() else {}
    if prefixes.tools and not prefixes.tools.is_dir():
        wanted |= {p.file_name: p for p in plan.tools}
    missing = [p for p in wanted.values() if not (installation.packages_dir / p.file_name).is_file()]
    size_bytes = total_size_bytes(missing)
    groups = f" ({', '.join(sorted(split.fetched))}, sysroot)" if split.fetched else " (sysroot)"
    message = f"would fetch {len(missing)} packages, {size_bytes / 1e6:.0f} MB{groups}"
    return DoctorFinding(subject=subject, health=Health.FETCH, message=message, fetch_bytes=size_bytes)


def _roots(machine: Machine, context: Context) -> Iterator[DoctorFinding]:
    try:
        host = machine.host()
    except PipelineError:  # the machine itself is told of above
        return
    try:
        _way, reason = choose_way(host, context)
        yield DoctorFinding(subject="emulated roots", health=Health.OK, message=reason)
    except RootError as error:
        yield DoctorFinding(subject="emulated roots", health=Health.ABSENT, message=error.details)


def _disk_space(findings: list[DoctorFinding], context: Context) -> Iterator[DoctorFinding]:
    existing = next((p for p in (context.cache_dir, *context.cache_dir.parents) if p.exists()), Path("/"))
    # Targets share the tools, so the sum is an upper bound.
    needed = BUILD_BYTES + UNPACKED_RATIO * max((f.fetch_bytes for f in findings), default=0)
    free = shutil.disk_usage(existing).free
    message = f"{free / 1e9:.1f} GB free on the disk of {existing}, about {needed / 1e9:.1f} GB wanted"
    if free < needed:
        yield _problem("disk space", message, "free some space, or point --cache-dir at a larger disk")
    else:
        yield _ok("disk space", message)
