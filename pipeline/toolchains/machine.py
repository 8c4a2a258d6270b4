"""Tools that the machine already has, and whether they fit."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.model.target import Target
from pipeline.processes import proc

MIN_LLVM_MAJOR = 16
MIN_QEMU = (7, 2)
MIN_RUST = (1, 85)
"""The first one with edition 2024, which current crates ask for."""
MIN_PATCHELF = (0, 14)
PROBE_TIMEOUT_S = 30.0


class FoundTool(pydantic.BaseModel):
    """A program of the machine: where it is, its version, and why it does not fit, if so."""

    model_config = pydantic.ConfigDict(frozen=True)

    name: str
    path: Path | None
    version: str = ""
    unfit: str = ""

    @property
    def fits(self) -> bool:
        """Tell whether the tool may be used."""
        return self.path is not None and not self.unfit


class MachineTools(pydantic.BaseModel):
    """What one target's toolchain could take from the machine."""

    model_config = pydantic.ConfigDict(frozen=True)

    llvm: FoundTool
    """Its path is the directory that holds clang, lld and llvm-ar together."""
    rust: FoundTool
    """Its path is the Rust installation: ``bin/rustc``, ``bin/cargo``, ``lib/rustlib``."""
    qemu: FoundTool
    patchelf: FoundTool
    libc: FoundTool
    """Its path is the root of C and C++ headers and libraries for the machine itself."""

    def all(self) -> tuple[FoundTool, ...]:
        """Return every tool, in the order they are told about."""
        return (self.llvm, self.rust, self.qemu, self.patchelf, self.libc)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    """Looks for tools on the PATH of *environ*."""

    environ: Mapping[str, str]
    host: Target
    target: Target
    root: Path = Path("/")
    llvm_major: int | None = None
    """The only major version of Clang that fits; None: any that is new enough."""

    def look(self) -> MachineTools:
        """Return what is there; nothing is an error."""
        return MachineTools(
            llvm=self._llvm(),
            rust=self._rust(),
            qemu=self._qemu(),
            patchelf=self._patchelf(),
            libc=self._libc(),
        )

    def look_once(self, memory_dir: Path) -> MachineTools:
        """Return what is there, remembered in *memory_dir* for as long as no program changes."""
        state = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in self._candidates()]
        asked = [self.target.name, self.environ.get("RUSTUP_TOOLCHAIN"), state]
        key = fs.sha256_json([*asked, self.llvm_major] if self.llvm_major else asked)
        path = memory_dir / f"machine-{key[:16]}.json"
        if path.is_file():
            return MachineTools.model_validate_json(path.read_bytes())
        tools = self.look()
        fs.write_text(path, tools.model_dump_json(indent=1))
        return tools

    def _candidates(self) -> tuple[Path, ...]:
        llvm = [f"clang-{major}" for major in range(MIN_LLVM_MAJOR, 30)]
        names = ("clang", *llvm, "rustc", "cargo", *self._qemu_names(), "patchelf")
        return tuple(path for name in names if (path := self._find(name)))

    def _find(self, name: str) -> Path | None:
        return proc.find_program(name, self.environ)

    def _ask(self, *argv: str) -> str:
        env = proc.base_environment(self.environ)
        # rustup's proxies choose a toolchain by the working directory's rust-toolchain.toml: stay away from it.
        completed = proc.run(proc.Command(argv=argv, env=env, cwd=Path("/"), timeout_s=PROBE_TIMEOUT_S))
        return completed.text.strip() if completed.exit_code == 0 else ""

    def _llvm(self) -> FoundTool:
        names = ["clang", *(f"clang-{major}" for major in range(29, MIN_LLVM_MAJOR - 1, -1))]
        found = [self._llvm_at(path) for name in names if (path := self._find(name))]
        fitting = [tool for tool in found if tool.fits]
        return (fitting or found or [FoundTool(name="clang and lld", path=None)])[0]

    def _llvm_at(self, clang: Path) -> FoundTool:
        directory = clang.resolve().parent
        version = _version(self._ask(str(clang), "--version"))
        needed = ("clang", "clang++", "ld.lld", "llvm-ar", "llvm-ranlib", "llvm-strip")
        missing = [name for name in needed if not (directory / name).exists()]
        unfit = f"no {', '.join(missing)} beside it" if missing else ""
        if not version or int(version.split(".")[0]) < MIN_LLVM_MAJOR:
            unfit = f"{version or 'its version'} is older than {MIN_LLVM_MAJOR}"
        elif self.llvm_major and int(version.split(".")[0]) != self.llvm_major:
            unfit = f"{version} is not {self.llvm_major}"
        return FoundTool(name="clang and lld", path=directory, version=version, unfit=unfit)

    def _rust(self) -> FoundTool:
        rustc = self._find("rustc")
        prefix = Path(self._ask(str(rustc), "--print", "sysroot") or "/nonexistent") if rustc else None
        if prefix is None or not (prefix / "bin/rustc").is_file():
            return FoundTool(name="rustc and cargo", path=None)
        version = _version(self._ask(str(prefix / "bin/rustc"), "--version"))
        fault = self._rust_fault(prefix, version)
        return FoundTool(name="rustc and cargo", path=prefix, version=version, unfit=fault)

    def _rust_fault(self, prefix: Path, version: str) -> str:
        if not (prefix / "bin/cargo").is_file():
            return "no cargo beside rustc"
        if _numbers(version) < MIN_RUST:
            return f"{version} is older than {_dotted(MIN_RUST)}"
        for triple in (self.host.rust_triple, self.target.rust_triple):
            if not any((prefix / "lib/rustlib" / triple / "lib").glob("libstd-*.rlib")):
                return f"it has no standard library for {triple}"
        return ""

    def _qemu_names(self) -> tuple[str, str]:
        return (f"qemu-{self.target.qemu_name}-static", f"qemu-{self.target.qemu_name}")

    def _qemu(self) -> FoundTool:
        for name in self._qemu_names():
            if path := self._find(name):
                return self._versioned(name, path, MIN_QEMU)
        return FoundTool(name=self._qemu_names()[0], path=None)

    def _patchelf(self) -> FoundTool:
        path = self._find("patchelf")
        return self._versioned("patchelf", path, MIN_PATCHELF) if path else FoundTool(name="patchelf", path=None)

    def _versioned(self, name: str, path: Path, least: tuple[int, int]) -> FoundTool:
        version = _version(self._ask(str(path), "--version"))
        unfit = f"{version or 'its version'} is older than {_dotted(least)}" if _numbers(version) < least else ""
        return FoundTool(name=name, path=path, version=version, unfit=unfit)

    def _libc(self) -> FoundTool:
        libraries = self.root / "usr/lib" / self.host.gnu_triple
        gcc = (self.root / "usr/lib/gcc" / self.host.gnu_triple).glob("*/libstdc++.so")
        if (libraries / "crt1.o").is_file() and any(gcc):
            return FoundTool(name="libc6-dev and libstdc++-dev", path=self.root)
        return FoundTool(name="libc6-dev and libstdc++-dev", path=None)

    def has_sysroot(self) -> bool:
        """Tell whether the machine's root holds C and C++ development files of the target."""
        libraries = self.root / "usr/lib" / self.target.gnu_triple
        gcc = (self.root / "usr/lib/gcc" / self.target.gnu_triple).glob("*/libstdc++.so")
        return (libraries / "crt1.o").is_file() and any(gcc)


def _version(said: str) -> str:
    match = re.search(r"\d+(?:\.\d+)+", said)
    return match.group() if match else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers)
