"""Makes the plan of a toolchain: asks the machine where its packages come from, and apt which they are."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import importlib.resources
import time
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.apt.private import PrivateApt
from pipeline.apt.sources import AptSettings, MachineEntry, SourceRequest, choose_sources, read_machine_entries
from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.distribution import (
    Distribution,
    HostTools,
    Release,
    identify,
    parse_distributions,
    parse_os_release,
)
from pipeline.model.package import Package
from pipeline.model.target import Target
from pipeline.toolchains.choice import RustChoice, choose_llvm, choose_rust, llvm_packages
from pipeline.toolchains.plan import SCHEMA, Plan, read_plan, toolbox_dir
from pipeline.toolchains.remembered import Remembered, recall_or_resolve
from pipeline.toolchains.request import Machine, ToolboxInputs
from pipeline.toolchains.seed import seeded_plan


def known_distributions() -> tuple[Distribution, ...]:
    """Return the table of distributions."""
    resource = importlib.resources.files("pipeline") / "data" / "distributions.toml"
    return parse_distributions(resource.read_text(encoding="utf-8"))


def identify_machine(machine: Machine) -> tuple[Distribution, Release]:
    """Return the machine's distribution and release; raises ToolboxError when the table lacks them."""
    try:
        text = machine.os_release_path.read_text(encoding="utf-8")
    except OSError:
        text = ""
    return identify(known_distributions(), parse_os_release(text))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planner:
    """Makes the plan for one target."""

    inputs: ToolboxInputs
    context: Context
    groups: frozenset[str]
    """Groups of tools to fetch; the machine has the others."""
    distribution: Distribution
    release: Release
    sysroot_release: Release
    entries: tuple[MachineEntry, ...]
    settings: AptSettings
    again: bool = False
    """Ask the mirror even if a plan is remembered: it turned out to be out of date."""
    without: frozenset[str] = frozenset()
    """Suites to do without, because their packages cannot be had."""

    @classmethod
    def for_machine(cls, inputs: ToolboxInputs, context: Context, groups: frozenset[str]) -> Planner:
        """Read what the machine says about its distribution and mirrors; raises ToolboxError."""
        distribution, release = identify_machine(inputs.machine)
        return cls(
            inputs=inputs,
            context=context,
            groups=groups,
            distribution=distribution,
            release=release,
            sysroot_release=distribution.find_release(inputs.suite) if inputs.suite else release,
            entries=read_machine_entries(inputs.machine.apt_dir),
            settings=inputs.settings or AptSettings.from_environment(context.environ),
        )

    @property
    def host(self) -> Target:
        """Return the machine's architecture."""
        return self.inputs.machine.host()

    def plan(self) -> Plan:
        """Return the remembered plan while it is fresh (or nothing newer can be had), else resolve anew.

        Raises NetworkError, ToolboxError, IntegrityError and the file system's errors.
        """
        path = self.memory_path()
        plan = read_plan(path) or seeded_plan(self.context.environ, path.name)
        is_fresh = plan is not None and (self.context.offline or plan.is_fresh())
        remembered = Remembered(path=path, plan=plan, is_due=self.again or not is_fresh)
        return recall_or_resolve(remembered, self._resolve, _nothing_cached(self.inputs.target), self.context)

    def memory_path(self) -> Path:
        """Return where the plan is remembered: the name of the file is a digest of all that the plan depends on."""
        question = {
            "schema": SCHEMA,
            "distribution": self.distribution.model_dump(mode="json"),
            "release": self.release.codename,
            "sysroot": self.sysroot_release.codename,
            "host": self.host.name,
            "target": self.inputs.target.name,
            "groups": sorted(self.groups),
            "packages": sorted(self.inputs.sysroot_packages),
            "tools": sorted(self.inputs.tool_packages),
            **({"llvm": self.inputs.llvm_major} if self.inputs.llvm_major else {}),
            "sources": [
                source.identity()
                for target, release in self._wanted()
                for source in choose_sources(self.source_request(target, release))
            ],
        }
        return toolbox_dir(self.context) / "plans" / f"{fs.sha256_json(question)[:32]}.json"

    def apts(self) -> tuple[PrivateApt, ...]:
        """Return the private apts that are asked: for the host, for the target's std, for the sysroot."""
        return tuple(self.apt_for(target, release) for target, release in self._wanted())

    def _wanted(self) -> tuple[tuple[Target, Release], ...]:
        target = self.inputs.target
        return ((self.host, self.release), (target, self.release), (target, self.sysroot_release))

    def suites_that_name(self, packages: tuple[Package, ...]) -> frozenset[str]:
        """Return the suites, none of them a first one, whose archives the packages come from."""
        suites: set[str] = set()
        for apt in self.apts():
            offered = apt.versions(package.name for package in packages)
            uris = [package.uri for package in packages if package.version in offered.get(package.name, ())]
            suites |= {s.suite for s in apt.sources[1:] if any(u.startswith(f"{s.uri.rstrip('/')}/") for u in uris)}
        return frozenset(suites)

    def source_request(self, target: Target, release: Release) -> SourceRequest:
        """Return what decides which archives are asked for packages of *target* in *release*."""
        return SourceRequest(
            distribution=self.distribution,
            machine_release=self.release,
            release=release,
            architecture=target.name,
            entries=self.entries,
            settings=self.settings,
        )

    def apt_for(self, target: Target, release: Release) -> PrivateApt:
        """Return the private apt that is asked for packages of *target* in *release*."""
        chosen = choose_sources(self.source_request(target, release))
        sources = tuple(source for source in chosen if source.suite not in self.without)
        identity = fs.sha256_json([source.identity() for source in sources])[:12]
        directory = toolbox_dir(self.context) / "apt" / f"{release.codename}-{target.name}-{identity}"
        own = self.settings.keyring
        return PrivateApt(
            directory=directory,
            architecture=target.name,
            sources=sources,
            keyrings=(own,) if own else tuple(Path(keyring) for keyring in self.distribution.keyrings),
            left_out=self.distribution.left_out_of(release),
            environ=self.context.environ,
            reporter=self.context.reporter,
        )

    def _resolve(self) -> Plan:
        host_apt, std_apt, sysroot_apt = self.apts()
        distinct = {apt.directory: apt for apt in (host_apt, std_apt, sysroot_apt)}
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(distinct)) as pool:
            for _done in pool.map(lambda apt: apt.refresh(again=self.again), distinct.values()):
                pass
        tools = self.release.tools
        if tools is None:  # identify_machine returns no such release
            raise AssertionError(self.release.codename)
        rust = choose_rust(tools, host_apt, std_apt) if "rust" in self.groups else None
        llvm = choose_llvm(tools, host_apt, rust, only=self.inputs.llvm_major) if "llvm" in self.groups else None
        named = self._named_tools(tools, rust, llvm)
        std = std_apt.locate(f"{rust.flavour.std}={rust.std_version}") if rust else ()
        development = (*self.sysroot_release.development_packages, *self.inputs.sysroot_packages)
        if not sysroot_apt.versions(self.sysroot_release.development_packages):
            raise _not_for(self.sysroot_release, self.inputs.target)
        sysroot = {p.file_name: p for p in (*std, *sysroot_apt.resolve(development))}
        resolved = host_apt.resolve(named) if named else ()
        if rust and rust.cargo_alone:
            resolved += host_apt.locate(rust.cargo_alone)
        failed = {suite for apt in distinct.values() for suite in apt.failed_suites()}
        for apt in distinct.values():
            apt.trim()
        return Plan(
            created_at=time.time(),
            tools=resolved,
            sysroot=tuple(sysroot.values()),
            llvm_bin=PurePosixPath(f"usr/lib/llvm-{llvm}/bin") if llvm else None,
            rust=rust.flavour if rust else None,
            named=tuple(dict.fromkeys(name.split("=")[0] for name in (*named, *development))),
            without=tuple(sorted(failed | self.without)),
        )

    def _named_tools(self, tools: HostTools, rust: RustChoice | None, llvm: int | None) -> tuple[str, ...]:
        packages: list[str] = []
        if llvm:
            packages += llvm_packages(tools, llvm)
        if rust:
            packages += rust.packages
        if "qemu" in self.groups:
            packages += tools.emulator_packages
        if "patchelf" in self.groups:
            packages.append(tools.patchelf)
        if "libc" in self.groups:
            packages += self.release.development_packages
        major = llvm or tools.llvm_majors[0]
        packages += [name.format(llvm=major) for name in self.inputs.tool_packages]
        return tuple(packages)


def _not_for(release: Release, target: Target) -> ToolboxError:
    return ToolboxError(
        f"the mirror has no packages of {release.codename} for {target.name}",
        cause="the release is not made for this architecture, or no longer: old ones keep a few architectures only",
        action="choose another release (`suite` in releases.toml, or --suite)",
    )


def _nothing_cached(target: Target) -> NetworkError:
    return NetworkError(
        f"the toolbox for {target.name} must be fetched and --offline forbids it",
        cause="it was never made here with these packages, or its cache was removed",
        action="run the same command once without --offline",
    )
