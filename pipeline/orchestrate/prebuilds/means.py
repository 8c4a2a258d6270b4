"""What one target and C library is compiled with, and what runs the result."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

from pipeline.context import Context
from pipeline.executors.native import NativeExecutor
from pipeline.executors.qemu import QemuExecutor
from pipeline.model.build import ToolchainMode
from pipeline.model.execution import Executor
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.spec.prebuilds import Compiler
from pipeline.model.target import Target, target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.prebuilding.cross_files import Compilers
from pipeline.rust import native_env
from pipeline.stages.building import toolbox
from pipeline.toolchains.musl import ensure_musl
from pipeline.toolchains.zig import VERSION as ZIG_VERSION
from pipeline.toolchains.zig import ensure_zig

_STATIC_CXX = ("-static-libstdc++", "-static-libgcc")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """A target with a C library, and what is decided about it."""

    target: Target
    libc: Libc
    suite: str | None
    suite_glibc: str | None
    """glibc of the suite's sysroot, as `targets` has it."""
    glibc: str | None
    """Newest glibc that may be needed."""
    compiler: Compiler
    toolchain: ToolchainMode

    @property
    def takes_zig(self) -> bool:
        """Tell whether zig compiles: the sysroot knows no musl, and no glibc that is older than its own."""
        if self.libc is Libc.MUSL or self.compiler == "zig":
            return True
        older = self.glibc and self.suite_glibc and _numbers(self.glibc) < _numbers(self.suite_glibc)
        return self.compiler == "auto" and bool(older)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """Compilers, and an executor."""

    compilers: Compilers
    compiler: str
    """Who compiles, in words."""
    executor: Executor
    emulated: bool


def get(variant: Variant, context: Context) -> Means:
    """Return what the variant takes, fetched the first time; raises what getting the toolbox, zig and musl raises."""
    inputs = toolbox.ToolboxInputs(
        target=variant.target, suite=variant.suite, tool_packages=native_env.PACKAGES, mode=variant.toolchain
    )
    toolchain = toolbox.run(inputs, context)
    compilers, compiler = _zig(variant, toolchain, context) if variant.takes_zig else _clang(variant, toolchain)
    root = ensure_musl(variant.target, context) if variant.libc is Libc.MUSL else toolchain.sysroot
    native = target_of_machine(platform.machine()) == variant.target
    return Means(
        compilers=compilers,
        compiler=compiler,
        executor=_native(variant, root) if native else _qemu(variant, toolchain, root),
        emulated=not native,
    )


def _zig(variant: Variant, toolchain: Toolchain, context: Context) -> tuple[Compilers, str]:
    zig = ensure_zig(variant.target, variant.libc, variant.glibc, context)
    compilers = Compilers(
        target=variant.target,
        libc=variant.libc,
        variables=zig.variables | {"STRIP": str(toolchain.strip)},
        path_dirs=toolchain.path_dirs,
        host_variables=_host_variables(toolchain),
    )
    return compilers, f"zig {ZIG_VERSION} ({zig.triple})"


def _clang(variant: Variant, toolchain: Toolchain) -> tuple[Compilers, str]:
    suffix = variant.target.env_suffix
    variables = {name: toolchain.env[f"{name}_{suffix}"] for name in ("CC", "CXX", "AR", "RANLIB")}
    compilers = Compilers(
        target=variant.target,
        libc=variant.libc,
        variables=variables | {"STRIP": str(toolchain.strip)},
        link_flags=_STATIC_CXX,
        sysroot=toolchain.sysroot,
        path_dirs=toolchain.path_dirs,
        host_variables=_host_variables(toolchain),
    )
    version = next((tool.version for tool in toolchain.tools if "clang" in tool.name), "")
    return compilers, f"clang {version} (sysroot of {variant.suite or 'this release'})"


def _host_variables(toolchain: Toolchain) -> dict[str, str]:
    names = {"CC": "HOST_CC", "CXX": "HOST_CXX", "AR": "HOST_AR"}
    return {name: toolchain.env[known] for name, known in names.items() if known in toolchain.env}


def _native(variant: Variant, root: Path) -> NativeExecutor:
    interpreter = variant.target.musl_interpreter if variant.libc is Libc.MUSL else None
    return NativeExecutor(sysroot=root, target=variant.target, interpreter=interpreter)


def _qemu(variant: Variant, toolchain: Toolchain, root: Path) -> QemuExecutor:
    return QemuExecutor(
        program=toolchain.qemu,
        version=toolchain.qemu_version,
        sysroot=root,
        cpu_model=variant.target.qemu_cpu,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
