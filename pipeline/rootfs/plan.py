"""Which packages a root and its native tools take, resolved to exact files and remembered."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.apt.private import PrivateApt
from pipeline.apt.sources import Source
from pipeline.context import Context
from pipeline.errors import NetworkError, RootError
from pipeline.model.distribution import Release
from pipeline.model.package import Package
from pipeline.model.root import RootPlan, RootRequest
from pipeline.model.target import Target
from pipeline.rootfs import python, rust
from pipeline.rootfs.helpers import HELPERS
from pipeline.rootfs.twins import Twins, find_twins, twin_names
from pipeline.toolchains.plan import FRESH_S
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.remembered import Remembered, read_remembered, recall_or_resolve
from pipeline.toolchains.request import ToolboxInputs

SCHEMA = 3
BASE = ("?essential", "apt")
"""What every system has (apt-patterns(7)), and what installs more."""
_PREFERRED = ("usr-is-merged",)
"""Taken where it is offered: it stands for a package that would convert the root, which needs no conversion."""
_EMULATOR = "qemu-user-static"
_TRACER = "proot"
_TWINS_SCHEMA = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RootPlanner:
    """Asks a private apt which packages a root takes."""

    request: RootRequest
    context: Context
    planner: Planner

    @classmethod
    def for_machine(cls, request: RootRequest, context: Context) -> RootPlanner:
        """Read what the machine says about distribution and mirrors; raises ToolboxError."""
        inputs = ToolboxInputs(target=request.target, suite=request.suite)
        return cls(request=request, context=context, planner=Planner.for_machine(inputs, context, frozenset()))

    @property
    def release(self) -> Release:
        """Return the release that the root is of."""
        return self.planner.sysroot_release

    @property
    def host(self) -> Target:
        """Return this machine's architecture."""
        return self.planner.host

    def plan(self) -> RootPlan:
        """Return the remembered plan while it is fresh, else resolve anew.

        Raises NetworkError, ToolboxError, IntegrityError and the file system's errors.
        """
        path = self._memory_path()
        plan = read_remembered(path, RootPlan)
        is_fresh = plan is not None and (self.context.offline or time.time() - plan.created_at < FRESH_S)
        remembered = Remembered(path=path, plan=plan, is_due=not is_fresh)
        return recall_or_resolve(remembered, self._resolve, _nothing_cached(self.request.target), self.context)

    def _memory_path(self) -> Path:
        question = {
            "schema": SCHEMA,
            "release": self.release.codename,
            "host": self.host.name,
            "target": self.request.target.name,
            "packages": sorted(self.request.packages),
            "archive": self.request.archive is not None,
            "native": [self.request.native, self.request.native_perl, self.request.native_python],
            "helpers": sorted(HELPERS),
            "twins": _TWINS_SCHEMA,
            "way": self.request.way,
            "sources": [source.identity() for source in self.apt(self.request.target).sources],
        }
        return roots_dir(self.context) / "plans" / f"{fs.sha256_json(question)[:32]}.json"

    def apt(self, target: Target, *, treated_as_installed: tuple[str, ...] = ()) -> PrivateApt:
        """Return the private apt for packages of *target*: a whole system is wanted, nothing is left out of it."""
        apt = self.planner.apt_for(target, self.release)
        kind = f"-{fs.sha256_json(treated_as_installed)[:6]}" if treated_as_installed else ""
        directory = roots_dir(self.context) / "apt" / f"{apt.directory.name}{kind}"
        return dataclasses.replace(apt, directory=directory, left_out=treated_as_installed)

    def offered(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that there are packages of for the root; raises NetworkError, ToolboxError."""
        apt = self.apt(self.request.target)
        if not self.context.offline:
            self._ready(apt)
        return frozenset(apt.versions(sorted(names)))

    def tools_apt(self) -> PrivateApt:
        """Return the private apt for native tools: the root has the target's headers and libraries."""
        return self.apt(self.host, treated_as_installed=_target_side(self.release, self.request.target))

    def _resolve(self) -> RootPlan:
        request = self.request
        apt = self._ready(self.apt(request.target))
        base: tuple[Package, ...] = ()
        packages, tools, emulator, tracer = base, base, base, base
        if request.archive is None:
            names = (*BASE, *apt.versions(_PREFERRED))
            base = apt.resolve(names)
            packages = apt.resolve((*names, *request.packages))
        apt.trim()
        if request.way == "proot":
            own = self._ready(self.tools_apt())
            tracer = own.resolve((_TRACER, "patchelf"))
        if request.target != self.host:
            own = self._ready(self.tools_apt())
            emulator = own.resolve((_EMULATOR,))
            if request.native:
                tools = own.resolve(self._tool_names(own, packages))
            own.trim()
        return RootPlan(
            created_at=time.time(),
            suite=self.release.codename,
            gcc=self.release.gcc,
            base=base,
            packages=packages,
            tools=tools,
            emulator=emulator,
            tracer=tracer,
            apt_sources="\n".join(_for_a_system(source) for source in apt.sources),
        )

    def _tool_names(self, apt: PrivateApt, packages: tuple[Package, ...]) -> tuple[str, ...]:
        if self.host.name != "amd64":
            raise RootError(
                f"there are no native tools for roots on a machine of kind {self.host.name}",
                cause="what starts them is an x86-64 program",
                action="give --no-native: everything in the root is emulated then",
            )
        compilers = cross_packages(self.release, self.request.target)
        helpers = tuple(name for name in HELPERS if name != "perl")
        offered = apt.versions((*compilers, *helpers))
        missing = [name for name in compilers if name not in offered]
        if missing:
            raise RootError(
                f"{self.release.codename} has no {missing[0]} for {self.host.name}",
                cause="the distribution has no cross compiler from this machine's architecture to the root's",
                action="give --no-native: the root's own compiler is emulated then",
            )
        further = (
            *(("perl",) if self.request.native_perl else ()),
            *((python.PACKAGE,) if self.request.native_python else ()),
        )
        return (*compilers, *(name for name in helpers if name in offered), *further, *self._twins(apt, packages))

    def _twins(self, apt: PrivateApt, packages: tuple[Package, ...]) -> tuple[str, ...]:
        """Return what the root has and this machine gets, too: each in the root's own version."""
        names = twin_names(packages)
        twins = find_twins(packages, apt.versions(names)) if names else Twins(taken=(), emulated=())
        for name in twins.emulated:
            self.context.reporter.warn(f"{name} stays emulated in the root: {self.host.name} has no such version")
        return (*twins.taken, *(rust.PACKAGES if twins.have_rust else ()))

    def _ready(self, apt: PrivateApt) -> PrivateApt:
        apt.refresh()
        return apt


def rust_packages(request: RootRequest, context: Context) -> tuple[str, str]:
    """Return the packages of rustc and cargo in the release that the root is of; the newest kind that it has.

    Raises RootError where it has none, and what asking apt raises.
    """
    planner = RootPlanner.for_machine(request, context)
    tools = planner.release.tools
    flavours = tools.rust if tools else ()
    offered = planner.offered({name for flavour in flavours for name in (flavour.rustc, flavour.cargo)})
    for flavour in flavours:
        if flavour.rustc in offered and flavour.cargo in offered:
            return flavour.rustc, flavour.cargo
    raise RootError(
        f"{planner.release.codename} has no Rust for {request.target.name} that is new enough",
        cause="the release is too old, or its package lists cannot be had now",
        action="choose a newer release (`suite` in releases.toml, or --suite)",
    )


def _for_a_system(source: Source) -> str:
    """Return an entry for the root's own apt, which also gets source packages."""
    lines = source.deb822().replace("Types: deb\n", "Types: deb deb-src\n").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Targets:"))


def roots_dir(context: Context) -> Path:
    """Return the directory of everything that this package makes."""
    return context.cache_dir / "root"


def cross_packages(release: Release, target: Target) -> tuple[str, ...]:
    """Return the packages of GCC and binutils for *target* as programs of another machine."""
    triple = _package_triple(target)
    return (f"gcc-{release.gcc}-{triple}", f"g++-{release.gcc}-{triple}", f"binutils-{triple}")


def _target_side(release: Release, target: Target) -> tuple[str, ...]:
    """Return what cross compilers depend on and the root has itself: start files, libraries, headers."""
    cross = f"{target.name}-cross"
    names = (f"libgcc-{release.gcc}-dev", f"libstdc++-{release.gcc}-dev", "libc6-dev", "libc6", "linux-libc-dev")
    return tuple(f"{name}-{cross}" for name in names)


def _package_triple(target: Target) -> str:
    return target.gnu_triple.replace("_", "-")


def digest_of(packages: Iterable[Package], *more: object) -> str:
    """Return the SHA-256 over exact packages and whatever else decides."""
    return fs.sha256_json([SCHEMA, *more, *sorted(package.identity for package in packages)])


def _nothing_cached(target: Target) -> NetworkError:
    return NetworkError(
        f"the packages of a root for {target.name} must be fetched and --offline forbids it",
        cause="it was never made here with these packages, or its cache was removed",
        action="run the same command once without --offline",
    )
