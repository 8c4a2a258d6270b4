"""Files that tell CMake and Meson about the compilers of a target.

cmake-toolchains(7); https://mesonbuild.com/Cross-compilation.html.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import Target
from pipeline.rust.native_env import cmake_quoted

CMAKE_NAME = "target.cmake"
MESON_NAME = "target.meson"
# Families and CPUs as Meson's reference tables have them.
_MESON_CPUS = {
    "amd64": ("x86_64", "x86_64"),
    "arm64": ("aarch64", "aarch64"),
    "armhf": ("arm", "armv7hl"),
    "s390x": ("s390x", "s390x"),
    "ppc64el": ("ppc64", "ppc64le"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compilers:
    """Programs and flags that compile for one target and C library."""

    target: Target
    libc: Libc
    variables: Mapping[str, str]
    """CC, CXX, AR, RANLIB, STRIP."""
    link_flags: tuple[str, ...] = ()
    sysroot: Path | None = None
    """None: the compiler brings the libraries itself."""
    path_dirs: tuple[Path, ...] = ()
    host_variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """CC, CXX, AR of this machine, for what the build itself runs."""

    @property
    def label(self) -> str:
        """Return for what they compile, such as ``arm64-musl``."""
        return f"{self.target.name}-{self.libc.value}"


def write_cross_files(compilers: Compilers, directory: Path) -> dict[str, Path]:
    """Write both files, and return where they lie by the names that build commands call them."""
    files = {
        "cmake-toolchain": (directory / CMAKE_NAME, cmake_file(compilers)),
        "meson-cross": (directory / MESON_NAME, meson_file(compilers)),
    }
    for path, text in files.values():
        fs.write_if_changed(path, text)
    return {name: path for name, (path, _text) in files.items()}


def cmake_file(compilers: Compilers) -> str:
    """Return the text of a CMake toolchain file."""
    variables, flags = compilers.variables, " ".join(compilers.link_flags)
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": compilers.target.kernel_machine,
        "CMAKE_C_COMPILER": variables["CC"],
        "CMAKE_CXX_COMPILER": variables["CXX"],
        "CMAKE_ASM_COMPILER": variables["CC"],
        "CMAKE_AR": variables["AR"],
        "CMAKE_RANLIB": variables["RANLIB"],
        "CMAKE_STRIP": variables["STRIP"],
        "CMAKE_EXE_LINKER_FLAGS_INIT": flags,
        "CMAKE_SHARED_LINKER_FLAGS_INIT": flags,
        "CMAKE_MODULE_LINKER_FLAGS_INIT": flags,
        "CMAKE_FIND_ROOT_PATH": str(compilers.sysroot) if compilers.sysroot else "/nothing-of-this-machine",
        "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "NEVER",
        "CMAKE_FIND_ROOT_PATH_MODE_LIBRARY": "ONLY",
        "CMAKE_FIND_ROOT_PATH_MODE_INCLUDE": "ONLY",
        "CMAKE_FIND_ROOT_PATH_MODE_PACKAGE": "ONLY",
    }
    return "".join(f"set({name} {cmake_quoted(value)})\n" for name, value in settings.items() if value)


def meson_file(compilers: Compilers) -> str:
    """Return the text of a Meson cross file."""
    variables = compilers.variables
    family, cpu = _MESON_CPUS[compilers.target.name]
    programs = {"c": "CC", "cpp": "CXX", "ar": "AR", "strip": "STRIP"}
    lines = ["[binaries]", *(f"{name} = {_meson_text(variables[variable])}" for name, variable in programs.items())]
    flags = f"[{', '.join(map(_meson_text, compilers.link_flags))}]"
    lines += ["", "[built-in options]", f"c_link_args = {flags}", f"cpp_link_args = {flags}"]
    lines += ["", "[host_machine]", "system = 'linux'", f"cpu_family = '{family}'", f"cpu = '{cpu}'"]
    lines += [f"endian = '{compilers.target.endianness}'"]
    return "\n".join(lines) + "\n"


def _meson_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
