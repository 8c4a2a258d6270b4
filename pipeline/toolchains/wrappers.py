"""The scripts and variables through which Cargo and build scripts meet a toolchain.

Compilers are part of the fingerprints of Cargo and of the ``cc`` crate, so the scripts have stable paths and contents.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.target import Target

SCHEMA = 1

_ARCHITECTURE_FLAGS = {
    # Debian's armhf is ARMv7-A with VFPv3-D16 and no NEON (https://wiki.debian.org/ArmHardFloatPort);
    # Clang's default for the triple would use NEON.
    "armhf": ("-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RustDirs:
    """Where rustc, cargo and the standard libraries lie."""

    rustc: Path
    cargo: Path
    std_dirs: Mapping[str, Path] | None
    """``rustlib/<triple>`` directories by triple, to be put together for rustc; None: rustc finds its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WrapperInputs:
    """What the scripts refer to; all paths are final and absolute."""

    host: Target
    target: Target
    llvm_bin: Path
    rust: RustDirs
    sysroot: Path
    host_sysroot: Path
    """Root of the headers and libraries for build scripts and procedural macros."""
    directory: Path
    """Where the scripts will be."""
    further: tuple[Path, ...] = ()
    """Programs of the prefix that go on the PATH as they are."""

    @property
    def bin_dir(self) -> Path:
        """Return the directory that goes before the caller's PATH."""
        return self.directory / "bin"

    @property
    def rustc(self) -> Path:
        """Return the compiler as Cargo is told to call it."""
        return self.bin_dir / "rustc"

    @property
    def strip(self) -> Path:
        """Return the program that strips files of the target."""
        return self.bin_dir / f"{self.target.gnu_triple}-strip"


def write_wrappers(inputs: WrapperInputs, staging: Path) -> None:
    """Write the scripts into *staging*, which will become ``inputs.directory``."""
    scripts = _compiler_scripts(inputs) | _llvm_scripts(inputs) | _rust_scripts(inputs)
    scripts |= {path.name: (str(path),) for path in inputs.further}
    for name, argv in scripts.items():
        path = fs.make_directory(staging / "bin") / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    for triple, directory in (inputs.rust.std_dirs or {}).items():
        rustlib = fs.make_directory(staging / "rust/lib/rustlib")
        (rustlib / triple).symlink_to(directory)


def _compiler_scripts(inputs: WrapperInputs) -> dict[str, tuple[str, ...]]:
    target, host = inputs.target, inputs.host
    scripts = _compilers(inputs, target, inputs.sysroot, (f"{target.gnu_triple}-clang", f"{target.gnu_triple}-clang++"))
    # Cargo has one linker variable for host and target of the same triple: both use the target's sysroot then.
    host_sysroot = inputs.sysroot if host == target else inputs.host_sysroot
    for names in (("cc", "c++"), ("clang", "clang++")):
        scripts |= _compilers(inputs, host, host_sysroot, names)
    return scripts


def _compilers(
    inputs: WrapperInputs, target: Target, sysroot: Path, names: tuple[str, str]
) -> dict[str, tuple[str, ...]]:
    flags = (
        # Link options mean nothing when only compiling, and projects with -Werror must not hear of it.
        "--start-no-unused-arguments",
        f"--target={target.clang_triple}",
        f"--sysroot={sysroot}",
        *_ARCHITECTURE_FLAGS.get(target.name, ()),
        "-fuse-ld=lld",
        "--end-no-unused-arguments",
    )
    programs = ("clang", "clang++")
    return {name: (str(inputs.llvm_bin / program), *flags) for name, program in zip(names, programs, strict=True)}


def _llvm_scripts(inputs: WrapperInputs) -> dict[str, tuple[str, ...]]:
    scripts: dict[str, tuple[str, ...]] = {}
    for name in ("ar", "ranlib", "strip", "nm", "objcopy"):
        argv = (str(inputs.llvm_bin / f"llvm-{name}"),)
        scripts |= {name: argv, f"{inputs.target.gnu_triple}-{name}": argv}
    return scripts | {"ld": (str(inputs.llvm_bin / "ld.lld"),)}


def _rust_scripts(inputs: WrapperInputs) -> dict[str, tuple[str, ...]]:
    sysroot = ("--sysroot", str(inputs.directory / "rust")) if inputs.rust.std_dirs else ()
    return {"rustc": (str(inputs.rust.rustc), *sysroot), "cargo": (str(inputs.rust.cargo),)}


def toolchain_environment(inputs: WrapperInputs) -> dict[str, str]:
    """Return the variables for Cargo and what it starts.

    Names: Cargo's reference, *Environment variables* and *Configuration*; the ``cc`` crate's documentation.
    """
    target, prefix = inputs.target, f"{inputs.bin_dir}/{inputs.target.gnu_triple}"
    suffix = target.env_suffix
    host_variables = {
        f"CARGO_TARGET_{inputs.host.cargo_env_infix}_LINKER": f"{inputs.bin_dir}/cc",
        "HOST_CC": f"{inputs.bin_dir}/cc",
        "HOST_CXX": f"{inputs.bin_dir}/c++",
        "HOST_AR": f"{inputs.bin_dir}/ar",
        "HOST_RANLIB": f"{inputs.bin_dir}/ranlib",
    }
    target_variables = {
        f"CARGO_TARGET_{target.cargo_env_infix}_LINKER": f"{prefix}-clang",
        f"CC_{suffix}": f"{prefix}-clang",
        f"CXX_{suffix}": f"{prefix}-clang++",
        f"AR_{suffix}": f"{prefix}-ar",
        f"RANLIB_{suffix}": f"{prefix}-ranlib",
    }
    return {"RUSTC": str(inputs.rustc), **host_variables, **target_variables}
