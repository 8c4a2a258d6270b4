"""Variables for C and C++ dependencies of a Rust tree: CMake, pkg-config, bindgen, configure scripts.

A toolchain already names the compilers (``CC_<t>`` and so on, the host's apart as ``HOST_CC``); its scripts carry
``--target`` and ``--sysroot``. What build scripts look for beyond that is added here, every variable qualified by
the target, so that nothing of the host reaches a unit of the target and nothing of the target one of the host.

Who reads what: the ``cmake`` crate ``CMAKE_TOOLCHAIN_FILE_<t>`` (so libz-sys, aws-lc-sys), the ``pkg-config`` crate
``PKG_CONFIG_{SYSROOT_DIR,LIBDIR,PATH,ALLOW_CROSS}_<t>``, bindgen ``BINDGEN_EXTRA_CLANG_ARGS_<t>``, clang-sys
``LIBCLANG_PATH``. Crates with a configure script (libffi-sys) hand it the ``cc`` crate's compiler.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.errors import ToolboxError
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc

PACKAGES = ("cmake", "make", "pkgconf", "libclang1-{llvm}")
"""Packages for the tools' prefix, by the same names in Debian 12, Debian 13 and Ubuntu 24.04.

``{llvm}`` is the major version of the toolchain's Clang: libclang reads the headers of that Clang's resource
directory. ``pkgconf`` has ``pkg-config``; ``libclang1`` needs no ``-dev`` package, for clang-sys loads
``libclang-19.so.1`` by that name too. Configure scripts take the shell, sed and grep of every machine; crates that
regenerate them (none among the ones known to need this module) would want autoconf and perl.
"""
PROGRAMS = ("cmake", "make", "pkg-config")
"""Programs of these packages, which must lie on the PATH of the build."""
_TIMEOUT_S = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeEnvironment:
    """What native dependencies of one target get in addition to the toolchain's own variables."""

    env: Mapping[str, str]
    missing: tuple[str, ...]
    """Programs and libraries that are not there; a tree that needs one of them will fail."""


def native_environment(toolchain: Toolchain, directory: Path, environ: Mapping[str, str]) -> NativeEnvironment:
    """Write the CMake toolchain file into *directory* and return the variables.

    *environ* is the whole environment of the build. Raises ToolboxError when the toolchain names no C compiler.
    """
    cmake_file = directory / f"{toolchain.target.name}.cmake"
    fs.write_if_changed(cmake_file, cmake_toolchain(toolchain))
    env = {f"CMAKE_TOOLCHAIN_FILE_{toolchain.target.env_suffix}": str(cmake_file), **pkg_config_variables(toolchain)}
    resources = _resource_dir(toolchain, environ)
    libclang = _libclang_dir(resources) if resources else None
    env |= bindgen_variables(toolchain, resources)
    if libclang:
        env["LIBCLANG_PATH"] = str(libclang)
    path = os.pathsep.join([*map(str, toolchain.path_dirs), environ.get("PATH", os.defpath)])
    missing = [name for name in PROGRAMS if proc.find_program(name, {"PATH": path}) is None]
    return NativeEnvironment(env=env, missing=(*missing, *([] if libclang else ["libclang"])))


def packages(llvm_major: int) -> tuple[str, ...]:
    """Return the packages of PACKAGES for one version of Clang."""
    return tuple(name.format(llvm=llvm_major) for name in PACKAGES)


def cmake_toolchain(toolchain: Toolchain) -> str:
    """Return a CMake toolchain file (cmake-toolchains(7)): compilers of the target, and no file of the host."""
    target = toolchain.target
    suffix = target.env_suffix
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": target.kernel_machine,  # what `uname -m` says there
        "CMAKE_C_COMPILER": _tool(toolchain, f"CC_{suffix}"),
        "CMAKE_CXX_COMPILER": _tool(toolchain, f"CXX_{suffix}"),
        "CMAKE_ASM_COMPILER": _tool(toolchain, f"CC_{suffix}"),
        "CMAKE_AR": _tool(toolchain, f"AR_{suffix}"),
        "CMAKE_RANLIB": toolchain.env.get(f"RANLIB_{suffix}", ""),
        "CMAKE_STRIP": str(toolchain.strip),
        "CMAKE_LIBRARY_ARCHITECTURE": target.gnu_triple,
        "CMAKE_FIND_ROOT_PATH": str(toolchain.sysroot),
        # Programs run on the host; everything that is linked or included comes from the sysroot.
        "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "NEVER",
        "CMAKE_FIND_ROOT_PATH_MODE_LIBRARY": "ONLY",
        "CMAKE_FIND_ROOT_PATH_MODE_INCLUDE": "ONLY",
        "CMAKE_FIND_ROOT_PATH_MODE_PACKAGE": "ONLY",
    }
    return "".join(f"set({name} {cmake_quoted(value)})\n" for name, value in settings.items() if value)


def pkg_config_variables(toolchain: Toolchain) -> dict[str, str]:
    """Return the variables that make pkg-config see the target's libraries and no others."""
    root, suffix = toolchain.sysroot, toolchain.target.env_suffix
    libdirs = (root / "usr/lib" / toolchain.target.gnu_triple / "pkgconfig", root / "usr/share/pkgconfig")
    return {
        f"PKG_CONFIG_ALLOW_CROSS_{suffix}": "1",
        f"PKG_CONFIG_SYSROOT_DIR_{suffix}": str(root),
        f"PKG_CONFIG_LIBDIR_{suffix}": os.pathsep.join(map(str, libdirs)),
        f"PKG_CONFIG_PATH_{suffix}": "",
    }


def bindgen_variables(toolchain: Toolchain, resource_dir: Path | None) -> dict[str, str]:
    """Return Clang's arguments for bindgen; *resource_dir* holds the headers that belong to Clang itself."""
    arguments = [f"--target={toolchain.target.clang_triple}", f"--sysroot={toolchain.sysroot}"]
    if resource_dir:  # libclang would look beside its own file, which is another place in an unpacked prefix
        arguments.append(f"-resource-dir={resource_dir}")
    return {f"BINDGEN_EXTRA_CLANG_ARGS_{toolchain.target.env_suffix}": shlex.join(arguments)}


def _tool(toolchain: Toolchain, variable: str) -> str:
    value = toolchain.env.get(variable)
    if value is None:
        raise ToolboxError(
            f"the toolchain for {toolchain.target.name} names no {variable}",
            cause="it was put together by hand, or by an older version",
            action="run `python -m pipeline doctor`; it puts the toolchain together again",
        )
    return value


def _resource_dir(toolchain: Toolchain, environ: Mapping[str, str]) -> Path | None:
    """Return Clang's resource directory; None for a compiler that has none (GCC)."""
    compiler = _tool(toolchain, f"CC_{toolchain.target.env_suffix}")
    command = proc.Command(
        argv=(compiler, "-print-resource-dir"), env=proc.base_environment(environ), timeout_s=_TIMEOUT_S
    )
    completed = proc.run(command)
    found = Path(completed.text.strip())
    return found if completed.exit_code == 0 and found.is_absolute() and found.is_dir() else None


def _libclang_dir(resource_dir: Path) -> Path | None:
    """Return the directory with libclang: LLVM's own (``<lib>/clang/<major>`` is in it) or the one around it."""
    llvm_lib = resource_dir.parents[1]
    usr_lib = llvm_lib.parents[1]
    major = resource_dir.name.partition(".")[0]
    for directory in (llvm_lib, *sorted(usr_lib.glob("*-linux-gnu*"))):
        names = (f"libclang-{major}.so*", "libclang.so*")
        if any(path.is_file() for name in names for path in directory.glob(name)):
            return directory
    return None


def cmake_quoted(value: str) -> str:
    """Return a string as CMake's language has it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
