"""V8 from source, from the order to a mirror: tools, the crate, something to run V8's own programs with, the build."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ExecutorUnavailableError, UnsupportedError
from pipeline.executors.choose import candidates, choose
from pipeline.executors.native import NativeExecutor
from pipeline.executors.qemu import QemuExecutor
from pipeline.model.analysis import PackageKey
from pipeline.model.build import ExecutorChoice, ToolchainMode
from pipeline.model.spec.origins import PrebuiltVm, RegistrySource, SourceVm
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.job import Job, means_of
from pipeline.rust import cargo
from pipeline.stages import compile_v8
from pipeline.stages.building import provide_v8, source, toolbox
from pipeline.toolchains.bindgen import ensure_bindgen
from pipeline.toolchains.foreign import ForeignInputs, ensure_foreign
from pipeline.v8.recipe import V8Order
from pipeline.v8_build.bindings import bindgen_version

CRATE = "v8"
LOCAL_EXECUTORS = ("native", "qemu")
_REGISTRIES = ("registry+", "sparse+")
GN_SUITES = ("trixie",)
"""Releases whose GN is new enough, and no newer than was tried."""
_GN, _NINJA = PurePosixPath("usr/bin/gn"), PurePosixPath("usr/bin/ninja")


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Request:
    """A V8 that is wanted, and how."""

    order: V8Order
    suite: str | None = None
    """Release of the distribution for the sysroot; None: this machine's own."""
    toolchain: ToolchainMode = "auto"
    executor: ExecutorChoice = "auto"


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Made:
    """A V8 that was compiled and looked into."""

    mirror: Path
    files: tuple[Path, ...]
    evidence: tuple[str, ...]
    """What the check of the archive found."""


def make_v8(request: V8Request, context: Context, out_dir: Path | None = None) -> V8Made:
    """Compile V8 and check the archive; with *out_dir* copy it there, beside what else that mirror has.

    Raises what ``v8_mirror`` and ``stages.provide_v8`` raise.
    """
    mirror = v8_mirror(request, context)
    inputs = provide_v8.V8Inputs(
        provider=PrebuiltVm(kind="prebuilt", mirror=str(mirror)),
        version=request.order.version,
        target=request.order.target,
        features=request.order.features,
    )
    provided = provide_v8.run(inputs, context)
    place = _deliver(mirror, out_dir) if out_dir else mirror
    version_dir = place / f"v{request.order.version}"
    made = sorted((mirror / version_dir.name).iterdir())
    return V8Made(mirror=place, files=tuple(version_dir / path.name for path in made), evidence=provided.evidence)


def v8_mirror(request: V8Request, context: Context) -> Path:
    """Return a mirror directory with the V8 that is wanted, compiled first unless it was before.

    Raises UnsupportedError for a version or target that cannot be built, MemoryShortError, CompileError,
    ExecutorUnavailableError, and what getting the crate and the tools raises.
    """
    return compile_v8.run(v8_inputs(request, context), context)


def compiled_provider(job: Job, vm: SourceVm, crate: PackageKey, features: frozenset[str]) -> PrebuiltVm:
    """Compile the V8 that a build links, and return where it is.

    Raises UnsupportedError for a crate that is not the registry's own, and what ``v8_mirror`` raises.
    """
    if crate.name != CRATE or not crate.source.startswith(_REGISTRIES):
        raise UnsupportedError(
            f"V8 of {crate} cannot be compiled: only the registry's own package {CRATE!r} can",
            cause=f"the workspace takes it from {crate.source or 'a directory'}",
            action="compile the archive of that fork yourself, and name its mirror with the provider `prebuilt`",
        )
    order = V8Order(version=crate.version, target=job.target, features=features, extra_arguments=vm.gn_args)
    # The machine's own suite: older ones lack Clang's run-time library, an archive has no symbol versions, and what the
    # finished product needs of glibc is measured.
    request = V8Request(
        order=order,
        toolchain=job.request.toolchain,
        # What makes snapshots elsewhere cannot be what ninja starts here.
        executor=job.request.executor if job.request.executor in LOCAL_EXECUTORS else "auto",
    )
    return PrebuiltVm(kind="prebuilt", mirror=str(v8_mirror(request, job.context)))


def v8_inputs(request: V8Request, context: Context) -> compile_v8.CompileV8Inputs:
    """Get everything that compiling V8 takes; see ``v8_mirror`` for what is raised."""
    order = request.order
    major = order.recipe.llvm_major  # a version or target that is not possible is refused before anything is fetched
    order.architecture  # noqa: B018 - raises
    wanted = toolbox.ToolboxInputs(
        target=order.target,
        suite=request.suite,
        sysroot_packages=(f"libclang-rt-{major}-dev",),
        llvm_major=major,
        mode=request.toolchain,
    )
    with context.reporter.step("toolbox for V8"):
        toolchain = toolbox.run(wanted, context)
        tools = _gn_tools(wanted, toolchain, context)
    executor = _executor(toolchain, request.executor, context)
    crate = _crate(order, toolchain, context)
    return compile_v8.CompileV8Inputs(
        order=order,
        source=crate,
        toolchain=toolchain,
        tools=tools,
        run_prefix=executor.prefix(),
        executor=executor.identity,
        bindgen=_bindgen(order, crate.path, toolchain, context),
    )


def _bindgen(order: V8Order, crate: Path, toolchain: Toolchain, context: Context) -> Path | None:
    if not compile_v8.needs_bindgen(crate, order.build):
        return None
    return ensure_bindgen(bindgen_version(crate), toolchain, context)


def _gn_tools(wanted: toolbox.ToolboxInputs, toolchain: Toolchain, context: Context) -> compile_v8.GnTools:
    prefix = ensure_foreign(
        ForeignInputs(
            suites=GN_SUITES,
            packages=("generate-ninja", "ninja-build"),
            programs=(_GN, _NINJA),
            patchelf=toolchain.patchelf,
            toolbox=wanted,
        ),
        context,
    )
    return compile_v8.GnTools(
        gn=prefix.root / _GN,
        ninja=prefix.root / _NINJA,
        python=Path(sys.executable),
        gn_version=prefix.version("generate-ninja"),
        ninja_version=prefix.version("ninja-build"),
    )


def _crate(order: V8Order, toolchain: Toolchain, context: Context) -> compile_v8.CrateSource:
    wanted = source.SourceInputs(
        source=RegistrySource(kind="registry", package=CRATE, version=order.version),
        cargo=toolchain.cargo,
        cargo_env=cargo.environment(toolchain, context),
    )
    with context.reporter.step(f"source of V8 {order.version}") as step:
        tree = source.run(wanted, context)
        step.detail(f"sha256 {tree.digest}")
    return compile_v8.CrateSource(path=tree.path, sha256=tree.digest or "")


def _executor(toolchain: Toolchain, wanted: ExecutorChoice, context: Context) -> NativeExecutor | QemuExecutor:
    """Return what runs V8's own programs: they are started by ninja, so it must be a program before theirs."""
    means = means_of(toolchain, context.environ)
    name, _reasons = choose(means, wanted)
    executor = candidates(means)[name]
    if isinstance(executor, NativeExecutor | QemuExecutor):
        return executor
    raise ExecutorUnavailableError(
        f"V8's own programs cannot be run by the {name} executor while V8 is being compiled",
        cause="ninja starts them; that goes by an emulator on this machine, or on a machine of the target",
        action="give --executor qemu",
    )


def _deliver(mirror: Path, out_dir: Path) -> Path:
    """Copy a mirror's files into a directory that may hold those of other versions and targets."""
    for path in sorted(mirror.glob("v*/*")):
        final = out_dir / path.relative_to(mirror)
        if not final.is_file() or fs.sha256_file(final) != fs.sha256_file(path):
            with fs.atomic_path(final) as temporary:
                shutil.copyfile(path, temporary)
    return out_dir
