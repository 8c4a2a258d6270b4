"""The scripts and variables through which Cargo and build scripts meet a toolchain.

Compilers are part of the fingerprints of Cargo and of the ``cc`` crate, so the scripts have stable paths and contents.
Those for the build host lie in a directory of their own, which does not depend on the target: build scripts and
procedural macros that were compiled for one target are fresh for the next.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.target import Target

SCHEMA = 2
RUST_SYSROOT_VARIABLE = "SNAPSTITCH_RUST_SYSROOT"
"""Where the script `rustc` finds the standard libraries; no part of any fingerprint of Cargo's."""

_ARCHITECTURE_FLAGS = {
    # Debian's armhf is ARMv7-A with VFPv3-D16 and no NEON (https://wiki.debian.org/ArmHardFloatPort);
    # Clang's default for the triple would use NEON.
    "armhf": ("-march=armv7-a", "-mfpu=vfpv3-d16", "-mfloat-abi=hard"),
}
_LLVM_NAMES = ("ar", "ranlib", "strip", "nm", "objcopy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostScripts:
    """What the scripts for the build host refer to; all paths are final and absolute."""

    host: Target
    llvm_bin: Path
    rustc: Path
    cargo: Path
    std_dir: Path | None
    """``rustlib/<triple>`` of the host; None: rustc finds its standard libraries by itself."""
    sysroot: Path
    """Root of the headers and libraries for build scripts and procedural macros."""
    directory: Path
    """Where the scripts will be."""
    further: tuple[Path, ...] = ()
    """Programs of the prefix that go on the PATH as they are."""

    @property
    def bin_dir(self) -> Path:
        """Return the directory of the scripts."""
        return self.directory / "bin"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetScripts:
    """What the scripts for one target refer to, beside those for the build host."""

    host: HostScripts
    target: Target
    std_dir: Path | None
    """``rustlib/<triple>`` of the target; None: rustc finds its standard libraries by itself."""
    sysroot: Path
    directory: Path
    """Where the scripts will be."""

    @property
    def bin_dir(self) -> Path:
        """Return the directory of the scripts."""
        return self.directory / "bin"

    @property
    def strip(self) -> Path:
        """Return the program that strips files of the target."""
        return self.bin_dir / f"{self.target.gnu_triple}-strip"

    @property
    def rust_sysroot(self) -> Path:
        """Return the directory that shows rustc the standard libraries of both."""
        return self.directory / "rust"


def write_host_scripts(inputs: HostScripts, staging: Path) -> None:
    """Write the scripts into *staging*, which will become ``inputs.directory``."""
    clang = _compilers(inputs.llvm_bin, inputs.host, inputs.sysroot)
    scripts = {"cc": clang[0], "c++": clang[1], "clang": clang[0], "clang++": clang[1]}
    scripts |= {name: (str(inputs.llvm_bin / f"llvm-{name}"),) for name in _LLVM_NAMES}
    scripts |= {"ld": (str(inputs.llvm_bin / "ld.lld"),), "cargo": (str(inputs.cargo),)}
    scripts |= {path.name: (str(path),) for path in inputs.further}
    _write_scripts(staging, {name: shlex.join(argv) for name, argv in scripts.items()})
    if inputs.std_dir is None:
        _write_scripts(staging, {"rustc": shlex.quote(str(inputs.rustc))})
    else:
        own = shlex.quote(str(inputs.directory / "rust"))
        line = f'{shlex.quote(str(inputs.rustc))} --sysroot "${{{RUST_SYSROOT_VARIABLE}:-$own}}"'
        _write_scripts(staging, {"rustc": line}, before=f"own={own}\n")
        _show_std(staging / "rust", [inputs.std_dir])


def write_target_scripts(inputs: TargetScripts, staging: Path) -> None:
    """Write the scripts into *staging*, which will become ``inputs.directory``."""
    triple, llvm_bin = inputs.target.gnu_triple, inputs.host.llvm_bin
    clang = _compilers(llvm_bin, inputs.target, inputs.sysroot)
    scripts = {f"{triple}-clang": clang[0], f"{triple}-clang++": clang[1]}
    scripts |= {f"{triple}-{name}": (str(llvm_bin / f"llvm-{name}"),) for name in _LLVM_NAMES}
    _write_scripts(staging, {name: shlex.join(argv) for name, argv in scripts.items()})
    _show_std(staging / inputs.rust_sysroot.name, [path for path in (inputs.host.std_dir, inputs.std_dir) if path])


def _write_scripts(staging: Path, lines: Mapping[str, str], *, before: str = "") -> None:
    for name, line in lines.items():
        path = fs.make_directory(staging / "bin") / name
        path.write_text(f'#!/bin/sh\n{before}exec {line} "$@"\n', encoding="utf-8")
        path.chmod(0o755)


def _show_std(rust_sysroot: Path, std_dirs: Iterable[Path]) -> None:
    """Put the directories of standard libraries, each named by its triple, where rustc looks below its sysroot."""
    rustlib = fs.make_directory(rust_sysroot / "lib/rustlib")
    for directory in {path.name: path for path in std_dirs}.values():
        (rustlib / directory.name).symlink_to(directory)


def _compilers(llvm_bin: Path, target: Target, sysroot: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the command lines of the compilers for C and for C++."""
    flags = (
        # Link options mean nothing when only compiling, and projects with -Werror must not hear of it.
        "--start-no-unused-arguments",
        f"--target={target.clang_triple}",
        f"--sysroot={sysroot}",
        *_ARCHITECTURE_FLAGS.get(target.name, ()),
        "-fuse-ld=lld",
        "--end-no-unused-arguments",
    )
    return (str(llvm_bin / "clang"), *flags), (str(llvm_bin / "clang++"), *flags)


def toolchain_environment(inputs: TargetScripts) -> dict[str, str]:
    """Return the variables for Cargo and what it starts.

    Names: Cargo's reference, *Environment variables* and *Configuration*; the ``cc`` crate's documentation.
    """
    target, host, prefix = inputs.target, inputs.host, f"{inputs.bin_dir}/{inputs.target.gnu_triple}"
    suffix = target.env_suffix
    variables = {
        "RUSTC": f"{host.bin_dir}/rustc",
        f"CARGO_TARGET_{host.host.cargo_env_infix}_LINKER": f"{host.bin_dir}/cc",
        "HOST_CC": f"{host.bin_dir}/cc",
        "HOST_CXX": f"{host.bin_dir}/c++",
        "HOST_AR": f"{host.bin_dir}/ar",
        "HOST_RANLIB": f"{host.bin_dir}/ranlib",
        f"CC_{suffix}": f"{prefix}-clang",
        f"CXX_{suffix}": f"{prefix}-clang++",
        f"AR_{suffix}": f"{prefix}-ar",
        f"RANLIB_{suffix}": f"{prefix}-ranlib",
    }
    # Cargo has one variable for host and target of the same triple; the product's linker decides.
    variables[f"CARGO_TARGET_{target.cargo_env_infix}_LINKER"] = f"{prefix}-clang"
    return variables | ({RUST_SYSROOT_VARIABLE: str(inputs.rust_sysroot)} if host.std_dir else {})
