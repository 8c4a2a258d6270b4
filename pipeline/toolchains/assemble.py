"""A toolchain from prefixes and the machine's tools: scripts, variables, versions, remembered as one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import certifi
import pydantic

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.package import Package
from pipeline.model.target import Target
from pipeline.model.toolchain import Tool, Toolchain
from pipeline.processes import proc
from pipeline.toolchains import wrappers
from pipeline.toolchains.install import DIGEST_LENGTH, Prefixes
from pipeline.toolchains.machine import FoundTool, MachineTools
from pipeline.toolchains.plan import Plan, toolbox_dir
from pipeline.toolchains.relocate import FURTHER_PROGRAMS
from pipeline.toolchains.wrappers import (
    HostScripts,
    TargetScripts,
    toolchain_environment,
    write_host_scripts,
    write_target_scripts,
)

MACHINE_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CHECK_TIMEOUT_S = 30.0
_TOOLCHAIN = pydantic.TypeAdapter(Toolchain)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assembly:
    """The parts of one toolchain."""

    context: Context
    host: Target
    target: Target
    plan: Plan | None
    """None: everything is the machine's own."""
    prefixes: Prefixes | None
    machine: MachineTools

    def toolchain(self) -> Toolchain:
        """Return the toolchain, put together first where it is not remembered.

        Raises ToolboxError when one of its programs does not run.
        """
        digest = fs.sha256_json(self._identity())
        host = self._host_scripts()
        self._make(host.directory, host.directory.is_dir, lambda staging: write_host_scripts(host, staging))
        directory = toolbox_dir(self.context) / f"toolchain-{self.target.name}-{digest[:DIGEST_LENGTH]}"
        toolchain = self._read(directory) or self._write(self._target_scripts(host, directory), digest)
        return dataclasses.replace(toolchain, sysroot_packages=self.plan.sysroot if self.plan else ())

    def _identity(self) -> list[object]:
        packages = [self.plan.tools_digest, self.plan.sysroot_digest] if self.plan else []
        return [wrappers.SCHEMA, dataclasses.asdict(self.target), self.host.name, packages, self._used()]

    def _host_identity(self) -> list[object]:
        packages = [self.plan.tools_digest] if self.plan else []
        return [wrappers.SCHEMA, self.host.name, packages, self._used(), str(self._host_sysroot())]

    def _used(self) -> list[object]:
        return [(tool.name, str(tool.path), tool.version) for tool in self._machine_tools()]

    def _machine_tools(self) -> tuple[FoundTool, ...]:
        plan, machine = self.plan, self.machine
        used = [] if plan and plan.llvm_bin else [machine.llvm]
        used += [] if plan and plan.rust else [machine.rust]
        used += [] if self._private_qemu() else [machine.qemu]
        used += [] if self._private("usr/bin/patchelf") else [machine.patchelf]
        return tuple(used)

    def _read(self, directory: Path) -> Toolchain | None:
        try:
            toolchain = _TOOLCHAIN.validate_json((directory / "toolchain.json").read_bytes())
        except (OSError, pydantic.ValidationError):
            return None
        return dataclasses.replace(toolchain, target=self.target)

    def _write(self, inputs: TargetScripts, digest: str) -> Toolchain:
        def write(staging: Path) -> None:
            write_target_scripts(inputs, staging)
            described = self._describe(inputs, digest, self._versions(inputs.host))
            (staging / "toolchain.json").write_bytes(_TOOLCHAIN.dump_json(described, indent=1))

        self._make(inputs.directory, lambda: self._read(inputs.directory) is not None, write)
        toolchain = self._read(inputs.directory)
        if toolchain is None:
            raise AssertionError(inputs.directory)
        return toolchain

    def _make(self, directory: Path, is_whole: Callable[[], bool], write: Callable[[Path], None]) -> None:
        """Make the directory, once: other runs may be using it."""
        if is_whole():
            return
        with fs.locked_beside(directory):
            if not is_whole():
                with fs.atomic_directory(directory) as staging:
                    write(staging)

    def _versions(self, host: HostScripts) -> dict[str, str]:
        return {
            "clang": self._version(host.llvm_bin / "clang"),
            "lld": self._version(host.llvm_bin / "ld.lld"),
            "rustc": self._version(host.rustc),
            "cargo": self._version(host.cargo),
            "qemu": self._version(self._qemu()),
            "patchelf": self._version(self._patchelf()),
        }

    def _describe(self, inputs: TargetScripts, digest: str, versions: Mapping[str, str]) -> Toolchain:
        return Toolchain(
            target=self.target,
            cargo=inputs.host.cargo,
            env=toolchain_environment(inputs) | self._certificates(),
            path_dirs=(inputs.bin_dir, inputs.host.bin_dir),
            sysroot=inputs.sysroot,
            qemu=self._qemu(),
            qemu_version=versions["qemu"],
            patchelf=self._patchelf(),
            strip=inputs.strip,
            tools=self._tools(versions),
            digest=digest,
        )

    def _certificates(self) -> dict[str, str]:
        """Cargo's TLS library looks where Debian keeps certificates; a bare machine has none there."""
        given = self.context.environ.get("CARGO_HTTP_CAINFO")
        return {} if given or MACHINE_CERTIFICATES.exists() else {"CARGO_HTTP_CAINFO": certifi.where()}

    def _tools(self, versions: Mapping[str, str]) -> tuple[Tool, ...]:
        machine_names = {
            "llvm": ("clang", "lld"), "rust": ("rustc", "cargo"), "qemu": ("qemu",), "patchelf": ("patchelf",),
        }  # fmt: skip
        used = self._machine_tools()
        found = {
            "llvm": self.machine.llvm,
            "rust": self.machine.rust,
            "qemu": self.machine.qemu,
            "patchelf": self.machine.patchelf,
        }
        tools = [
            Tool(name=name, version=versions[name], origin="host" if found[group] in used else "private")
            for group, names in machine_names.items()
            for name in names
        ]
        return (*tools, *(_as_tool(package) for package in self._named_packages()))

    def _named_packages(self) -> tuple[Package, ...]:
        plan = self.plan
        if plan is None:
            return ()
        return tuple(p for p in (*plan.tools, *plan.sysroot) if p.name in plan.named or p.name == "libc6")

    def _host_scripts(self) -> HostScripts:
        plan, machine, prefixes = self.plan, self.machine, self.prefixes
        private_llvm = self._private(str(plan.llvm_bin)) if plan and plan.llvm_bin else None
        if plan and plan.rust and prefixes and prefixes.tools:
            rust_bin = prefixes.tools / plan.rust.prefix / "bin"
            std_dir = prefixes.tools / plan.rust.rustlib / self.host.rust_triple
        else:
            rust_bin, std_dir = _path(machine.rust) / "bin", None
        digest = fs.sha256_json(self._host_identity())
        return HostScripts(
            host=self.host,
            llvm_bin=private_llvm or _path(machine.llvm),
            rustc=rust_bin / "rustc",
            cargo=rust_bin / "cargo",
            std_dir=std_dir,
            sysroot=self._host_sysroot(),
            directory=toolbox_dir(self.context) / f"host-{self.host.name}-{digest[:DIGEST_LENGTH]}",
            further=tuple(path for name in FURTHER_PROGRAMS if (path := self._private(f"usr/bin/{name}"))),
        )

    def _host_sysroot(self) -> Path:
        """Return the root of headers for programs of this machine: the target's where both are of one triple.

        Cargo has one linker variable for both then, and what is linked together must be of one C library.
        """
        if self.host == self.target:
            return self._sysroot()
        private_libc = self._private(f"usr/lib/{self.host.gnu_triple}/crt1.o")
        tools = self.prefixes.tools if self.prefixes else None
        return tools if private_libc and tools else _path(self.machine.libc)

    def _sysroot(self) -> Path:
        return self.prefixes.sysroot if self.prefixes else _path(self.machine.libc)

    def _target_scripts(self, host: HostScripts, directory: Path) -> TargetScripts:
        rust = self.plan.rust if self.plan and host.std_dir else None
        sysroot = self._sysroot()
        return TargetScripts(
            host=host,
            target=self.target,
            std_dir=sysroot / rust.rustlib / self.target.rust_triple if rust else None,
            sysroot=sysroot,
            directory=directory,
        )

    def _private(self, name: str) -> Path | None:
        tools = self.prefixes.tools if self.prefixes else None
        return tools / name if tools and (tools / name).exists() else None

    def _private_qemu(self) -> Path | None:
        return self._private(f"usr/bin/qemu-{self.target.qemu_name}")

    def _qemu(self) -> Path:
        return self._private_qemu() or _path(self.machine.qemu)

    def _patchelf(self) -> Path:
        return self._private("usr/bin/patchelf") or _path(self.machine.patchelf)

    def _version(self, program: Path) -> str:
        """Run a program with nothing in its environment: it must work like that in a build."""
        command = proc.Command(argv=(str(program), "--version"), env={"LC_ALL": "C"}, timeout_s=CHECK_TIMEOUT_S)
        completed = proc.run(command)
        if completed.exit_code != 0:
            raise ToolboxError(
                f"{program.name} does not run: {proc.describe_exit(completed.exit_code)}",
                cause="the toolbox is damaged, or the package does not work on this processor",
                action=f"remove {toolbox_dir(self.context)} and try again, or give --toolchain host",
                details=completed.stderr.decode(errors="replace"),
            )
        return _first_version(completed.text)


def _as_tool(package: Package) -> Tool:
    return Tool(name=f"{package.name}:{package.architecture}", version=package.version, origin="private")


def _path(tool: FoundTool) -> Path:
    if tool.path is None:
        raise ToolboxError(
            f"{tool.name} is missing",
            cause="it is neither installed on this machine nor among the packages of the toolbox",
            action="install it, or give --toolchain private",
        )
    return tool.path


def _first_version(said: str) -> str:
    words = (word.strip("(),") for word in said.split())
    return next((word for word in words if word[:1].isdigit() and "." in word), "unknown")
