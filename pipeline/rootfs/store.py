"""Roots by what they are made of: found, made, listed, destroyed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.apt.unpack import make_links_relative, prepare_root, unpack
from pipeline.context import Context
from pipeline.model.root import EmulatedRoot, Emulator, EntryWay, NativeTools, RootPlan, RootRecord, RootRequest
from pipeline.model.target import Target
from pipeline.rootfs import enter
from pipeline.rootfs.compare import warn_of_differences
from pipeline.rootfs.emulator import take_emulator
from pipeline.rootfs.fetched import fetch_packages
from pipeline.rootfs.gcc import CrossGcc
from pipeline.rootfs.given import fits, given_digest, release_of, unpack_given
from pipeline.rootfs.make import Recipe, make_rootfs
from pipeline.rootfs.native import INSIDE, ToolsRecipe, make_tools
from pipeline.rootfs.plan import RootPlanner, digest_of, roots_dir
from pipeline.rootfs.probe import choose_way
from pipeline.rootfs.rust import program_texts
from pipeline.toolchains.relocate import Relocation, relocate

RECORD_NAME = "root.json"
DIGEST_LENGTH = 16
TOOLS_SCHEMA = 7
ENTRY = Path("/.entry")
"""Where an image has what enters it."""
ROOT_SCHEMA = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Means:
    """What making and entering a root takes."""

    emulator: Emulator | None
    tools: NativeTools | None
    tracer: Path | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Maker:
    planner: RootPlanner
    plan: RootPlan
    context: Context

    @property
    def target(self) -> Target:
        return self.planner.request.target

    @property
    def packages_dir(self) -> Path:
        return self.context.cache_dir / "toolbox" / "packages"

    def emulator(self) -> Emulator | None:
        """Return the static QEMU, taken out of its package first."""
        if not self.plan.emulator:
            return None
        digest = digest_of(self.plan.emulator)[:DIGEST_LENGTH]
        final = roots_dir(self.context) / f"qemu-{self.target.qemu_name}-{digest}"
        with fs.locked_beside(final):
            if not final.is_dir():
                with self.context.reporter.step("root: emulator") as step:
                    apt = self.planner.tools_apt()
                    files = fetch_packages(self.plan.emulator, apt, self.packages_dir, self.context)
                    step.detail(", ".join(f"{p.name} {p.version}" for p in self.plan.emulator))
                    with fs.atomic_directory(final) as directory:
                        take_emulator(files, self.target, directory, self.context)
        return Emulator(path=final / f"qemu-{self.target.qemu_name}", target=self.target)

    def tracer(self, place: Path | None = None) -> Path | None:
        """Return ``proot``, made to run where it lies, or at *place*; None where namespaces do its work."""
        if not self.plan.tracer:
            return None
        digest = digest_of(self.plan.tracer, "tracer", str(place))[:DIGEST_LENGTH]
        final = roots_dir(self.context) / f"proot-{digest}"
        program = PurePosixPath("usr/bin/proot")
        with fs.locked_beside(final):
            if not final.is_dir():
                files = fetch_packages(self.plan.tracer, self.planner.tools_apt(), self.packages_dir, self.context)
                with fs.atomic_directory(final) as directory:
                    prepare_root(directory)
                    for path in files:
                        unpack(path, directory, self.context.environ)
                    make_links_relative(directory)
                    relocate(
                        Relocation(
                            root=directory,
                            final=place or final,
                            host=self.planner.host,
                            llvm_bin=None,
                            rust_prefix=None,
                            patchelf=None,
                            environ=self.context.environ,
                            further=(program,),
                        )
                    )
        return final / program

    def tools(self) -> NativeTools | None:
        """Return the directory of native tools, made first where it is absent."""
        if not self.plan.tools:
            return None
        gcc = CrossGcc(triple=self.target.gnu_triple, major=self.plan.gcc, prefix=INSIDE)
        digest = digest_of(self.plan.tools, "tools", TOOLS_SCHEMA, program_texts())[:DIGEST_LENGTH]
        final = roots_dir(self.context) / f"tools-{self.target.name}-{digest}"
        with fs.locked_beside(final):
            if not final.is_dir():
                recipe = ToolsRecipe(
                    packages=self.plan.tools,
                    apt=self.planner.tools_apt(),
                    packages_dir=self.packages_dir,
                    host=self.planner.host,
                    target=self.target,
                    gcc=gcc,
                    context=self.context,
                )
                with fs.atomic_directory(final) as directory:
                    make_tools(recipe, directory)
        return NativeTools(directory=final)

    def root_from(self, archive: Path) -> tuple[str, Path]:
        """Return digest and directory of a root from a file, unpacked first where it is absent."""
        digest = given_digest(archive)[:DIGEST_LENGTH]
        final = roots_dir(self.context) / f"{self.target.name}-{digest}"
        with fs.locked_beside(final):
            if not final.is_dir():
                started = time.monotonic()
                with fs.atomic_directory(final) as directory:
                    unpack_given(archive, directory / "rootfs", self.context)
                    record = RootRecord(
                        target=self.target.name,
                        digest=digest,
                        suite=release_of(directory / "rootfs"),
                        archive=archive.name,
                        made_in_s=round(time.monotonic() - started, 1),
                    )
                    fs.write_text(directory / RECORD_NAME, record.model_dump_json(indent=1))
        return digest, final

    def tools_for(self, rootfs: Path) -> NativeTools | None:
        """Return native tools for a root from a file, if they are of the same release as its own."""
        if not self.plan.tools:
            return None
        if not fits(rootfs, self.planner.release):
            own, ours = release_of(rootfs), self.planner.release.codename
            why = f"it is {own}, and the native tools would be of {ours} (--suite)" if own else "it is of another kind"
            self.context.reporter.warn(f"everything in the root is emulated: {why}")
            return None
        return self.tools()

    def root(self, means: _Means) -> tuple[str, Path]:
        """Return digest and directory of the root, made first where it is absent."""
        digest = digest_of(self.plan.packages, "root", ROOT_SCHEMA, self.plan.apt_sources)[:DIGEST_LENGTH]
        final = roots_dir(self.context) / f"{self.target.name}-{digest}"
        with fs.locked_beside(final):
            if not final.is_dir():
                started = time.monotonic()
                with fs.atomic_directory(final) as directory:
                    make_rootfs(self._recipe(means), directory / "rootfs")
                    self._record(digest, directory, time.monotonic() - started)
        return digest, final

    def _recipe(self, means: _Means) -> Recipe:
        return Recipe(
            base=self.plan.base,
            packages=self.plan.packages,
            apt=self.planner.apt(self.target),
            apt_sources=self.plan.apt_sources,
            packages_dir=self.packages_dir,
            emulator=means.emulator,
            tracer=means.tracer,
            tools=means.tools,
            context=self.context,
        )

    def _record(self, digest: str, directory: Path, made_in_s: float) -> None:
        record = RootRecord(
            target=self.target.name,
            digest=digest,
            suite=self.plan.suite,
            packages=tuple(f"{package.name}={package.version}" for package in self.plan.packages),
            asked_for=self.planner.request.packages,
            made_in_s=round(made_in_s, 1),
        )
        fs.write_text(directory / RECORD_NAME, record.model_dump_json(indent=1))


def ensure_root(request: RootRequest, context: Context) -> EmulatedRoot:
    """Return the root for *request*, made first where it is absent; two runs may do so at once.

    Raises RootError, ToolboxError, NetworkError, IntegrityError, DiskFullError, NotWritableError.
    """
    planner = RootPlanner.for_machine(request, context)
    if request.way is None:
        request = dataclasses.replace(request, way=_way(planner.host, context))
        planner = dataclasses.replace(planner, request=request)
    maker = _Maker(planner=planner, plan=planner.plan(), context=context)
    emulator, tracer = maker.emulator(), maker.tracer()
    if request.archive:
        digest, directory = maker.root_from(request.archive)
        means = _Means(emulator=emulator, tracer=tracer, tools=maker.tools_for(directory / "rootfs"))
    else:
        means = _Means(emulator=emulator, tracer=tracer, tools=maker.tools())
        digest, directory = maker.root(means)
    root = EmulatedRoot(
        request=request,
        digest=digest,
        directory=directory,
        emulator=means.emulator,
        tools=means.tools,
        tracer=means.tracer,
    )
    warn_of_differences(root, context)
    return root


def _way(host: Target, context: Context) -> EntryWay:
    way, reason = choose_way(host, context)
    if way == "proot":
        context.reporter.note(f"roots are entered by {reason}")
    return way


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exported:
    """A root, and what it takes to enter it elsewhere and to say whose its files are."""

    root: EmulatedRoot
    entry: Path
    """Directory with ``proot`` and its libraries, to lie at ENTRY."""
    packages: tuple[Path, ...]
    """Package files that the root was made of."""


def ensure_exported(request: RootRequest, context: Context) -> Exported:
    """Return the root for *request* with all that an image of it takes; raises what `ensure_root` raises."""
    root = ensure_root(request, context)
    traced = dataclasses.replace(request, way="proot")
    planner = RootPlanner.for_machine(traced, context)
    maker = _Maker(planner=planner, plan=planner.plan(), context=context)
    program = maker.tracer(ENTRY)
    if program is None:  # the plan of such a request has one
        raise AssertionError(request)
    own = request.archive is None
    packages = fetch_packages(maker.plan.packages, planner.apt(maker.target), maker.packages_dir, context)
    return Exported(root=root, entry=program.parents[2], packages=packages if own else ())


def list_roots(context: Context) -> Iterator[tuple[Path, RootRecord]]:
    """Yield every finished root."""
    for path in sorted(roots_dir(context).glob(f"*/{RECORD_NAME}")):
        yield path.parent, RootRecord.model_validate_json(path.read_bytes())


def destroy(target: Target, context: Context) -> tuple[Path, ...]:
    """Remove all that was made for *target*, what runs kept included; return what is gone."""
    base = roots_dir(context)
    gone = []
    for pattern in (
        f"{target.name}-*",
        f"tools-{target.name}-*",
        f"qemu-{target.qemu_name}-*",
        f"kept/{target.name}/*",
        f"compared/{target.name}-*",
    ):
        for path in sorted(base.glob(pattern)):
            if path.is_dir():
                enter.remove_changes(path)
                gone.append(path)
            else:
                path.unlink()
    return tuple(gone)
