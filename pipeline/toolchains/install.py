"""Planned packages, made into prefixes: fetched, unpacked while others still come, and made to run in place."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
from pathlib import Path

from pipeline import fs
from pipeline.apt.fetch import FetchRequest, fetch
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import make_links_relative, prepare_root, unpack
from pipeline.context import Context
from pipeline.model.events import Progress, Where
from pipeline.model.package import Package, total_size_bytes
from pipeline.model.target import Target
from pipeline.toolchains.plan import Plan, toolbox_dir
from pipeline.toolchains.relocate import Relocation, relocate
from pipeline.toolchains.seed import take_packages

DIGEST_LENGTH = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prefixes:
    """Directories that hold a plan's packages. They are complete, or absent."""

    tools: Path | None
    """None when the plan takes no tools."""
    sysroot: Path

    def complete(self) -> bool:
        """Tell whether everything is there."""
        return self.sysroot.is_dir() and (self.tools is None or self.tools.is_dir())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installation:
    """What installing a plan takes to know."""

    plan: Plan
    context: Context
    host: Target
    target: Target
    apt: PrivateApt
    """Its configuration (proxies, certificates) is used for fetching."""
    patchelf: Path | None
    """The machine's own; None: the one among the tools."""

    @property
    def packages_dir(self) -> Path:
        """Return where package files are kept, for every target."""
        return toolbox_dir(self.context) / "packages"

    def prefixes(self) -> Prefixes:
        """Return where the plan's packages are, or will be."""
        base = toolbox_dir(self.context)
        plan = self.plan
        tools = base / f"tools-{plan.tools_digest[:DIGEST_LENGTH]}" if plan.tools else None
        sysroot = base / f"sysroot-{self.target.name}-{plan.sysroot_digest[:DIGEST_LENGTH]}"
        return Prefixes(tools=tools, sysroot=sysroot)

    def ensure(self) -> Prefixes:
        """Return the prefixes, made first where they are absent; two runs may do so at once.

        Raises NetworkError, IntegrityError, DiskFullError, NotWritableError, ToolboxError.
        """
        prefixes = self.prefixes()
        if not prefixes.complete():
            wanted = [path for path in (prefixes.tools, prefixes.sysroot) if path]
            with contextlib.ExitStack() as locks:
                # Always in the same order, so that two runs cannot wait for each other.
                for path in sorted(wanted):
                    locks.enter_context(fs.locked_beside(path))
                self._make(prefixes)
        return prefixes

    def _make(self, prefixes: Prefixes) -> None:
        with contextlib.ExitStack() as stack:
            roots: dict[Path, tuple[Package, ...]] = {}
            tools_root = None
            if prefixes.tools and not prefixes.tools.is_dir():
                tools_root = stack.enter_context(fs.atomic_directory(prefixes.tools))
                roots[tools_root] = self.plan.tools
            if not prefixes.sysroot.is_dir():
                roots[stack.enter_context(fs.atomic_directory(prefixes.sysroot))] = self.plan.sysroot
            self._fill(roots)
            for root in roots:
                make_links_relative(root)
            if tools_root and prefixes.tools:
                relocate(self._relocation(tools_root, prefixes.tools))

    def _relocation(self, root: Path, final: Path) -> Relocation:
        return Relocation(
            root=root,
            final=final,
            host=self.host,
            llvm_bin=self.plan.llvm_bin,
            rust_prefix=self.plan.rust.prefix if self.plan.rust else None,
            patchelf=self.patchelf,
            environ=self.context.environ,
        )

    def _fill(self, roots: dict[Path, tuple[Package, ...]]) -> None:
        """Unpack each package into the roots that want it, while later ones are still being fetched."""
        reporter = self.context.reporter
        for root in roots:
            prepare_root(root)
        total = sum(total_size_bytes(packages) for packages in roots.values())
        with (
            reporter.progress("unpacking", total=total) as progress,
            concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool,
        ):
            unpacking = _Unpacking(roots=roots, pool=pool, progress=progress, context=self.context)
            with reporter.step("toolbox: fetch packages", where=Where.NETWORK) as step:
                size_mb = unpacking.size_bytes() / 1e6
                step.detail(f"{len(unpacking.packages())} packages, {size_mb:.0f} MB")
                self._fetch(unpacking)
            with reporter.step("toolbox: unpack the rest"):
                unpacking.finish()

    def _fetch(self, unpacking: _Unpacking) -> None:
        if not self.apt.config_path.is_file():
            self.apt.prepare()
        request = FetchRequest(
            packages=unpacking.packages(),
            packages_dir=self.packages_dir,
            apt_config=self.apt.config_path,
            environ=self.context.environ,
            offline=self.context.offline,
            reporter=self.context.reporter,
        )
        with fs.locked_beside(self.packages_dir):
            take_packages(self.context.environ, request.packages, self.packages_dir)
            fetch(request, unpacking.submit)


@dataclasses.dataclass(kw_only=True)
class _Unpacking:
    """Unpacks packages on threads, as they come."""

    roots: dict[Path, tuple[Package, ...]]
    pool: concurrent.futures.ThreadPoolExecutor
    progress: Progress
    context: Context
    futures: list[concurrent.futures.Future[None]] = dataclasses.field(default_factory=list)

    def packages(self) -> tuple[Package, ...]:
        """Return the distinct packages of all roots, the largest first: they take longest to unpack."""
        distinct = {package.file_name: package for packages in self.roots.values() for package in packages}
        return tuple(sorted(distinct.values(), key=lambda package: -package.size_bytes))

    def size_bytes(self) -> int:
        return total_size_bytes(self.packages())

    def submit(self, package: Package, path: Path) -> None:
        for root, packages in self.roots.items():
            if any(wanted.file_name == package.file_name for wanted in packages):
                self.futures.append(self.pool.submit(self._unpack, package, path, root))

    def _unpack(self, package: Package, path: Path, root: Path) -> None:
        unpack(path, root, self.context.environ)
        self.progress.advance(package.size_bytes)

    def finish(self) -> None:
        """Wait for all; raises what the first failure raised, the rest not started."""
        try:
            for future in concurrent.futures.as_completed(self.futures):
                future.result()
        except BaseException:
            self.pool.shutdown(wait=False, cancel_futures=True)
            raise
