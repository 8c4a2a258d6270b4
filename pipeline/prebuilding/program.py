"""Compiling programs by any build command, for another machine."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import CompileError, PrebuildError
from pipeline.prebuilding.cross_files import Compilers, write_cross_files
from pipeline.processes import proc

_TIMEOUT_S = 4 * 3600.0
_MAX_SHOWN = 20_000
"""Characters of a failed command's output."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProgramBuild:
    """Programs that are to be compiled."""

    tree: Path
    """It is written to."""
    compilers: Compilers
    commands: tuple[tuple[str, ...], ...]
    programs: Mapping[str, str]
    """Names, and places in the tree."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    strip: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Built:
    """What came out."""

    programs: Mapping[str, Path]
    cpu_s: float
    duration_s: float


def build_programs(build: ProgramBuild, context: Context) -> Built:
    """Run the commands, and return the programs.

    Raises CompileError with what a command said, PrebuildError when a program is not where it should be.
    """
    flags = (*build.compilers.link_flags, *(("-Wl,-s",) if build.strip else ()))
    # Meson takes the flags of its cross file in place of LDFLAGS.
    build = dataclasses.replace(build, compilers=dataclasses.replace(build.compilers, link_flags=flags))
    files = write_cross_files(build.compilers, build.tree.parent)
    env = _environment(build, files, context)
    words = {"jobs": str(context.jobs or os.cpu_count() or 1)} | {name: str(path) for name, path in files.items()}
    cpu_s = duration_s = 0.0
    for argv in build.commands:
        command = proc.Command(
            argv=tuple(_filled(word, words) for word in argv), env=env, cwd=build.tree, timeout_s=_TIMEOUT_S
        )
        completed = proc.run(command, on_stdout=_shown(context), on_stderr=_shown(context))
        cpu_s, duration_s = cpu_s + completed.cpu_s, duration_s + completed.duration_s
        if completed.exit_code != 0:
            raise CompileError(
                f"a build command failed for {build.compilers.label}: {' '.join(argv)}",
                cause="see what it printed, above",
                action=f"by hand:\n{command.replay_line()}",
                details=(completed.stdout + completed.stderr).decode(errors="replace")[-_MAX_SHOWN:],
            )
    return Built(programs=_found(build), cpu_s=cpu_s, duration_s=duration_s)


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _shown(context: Context) -> proc.LineSink:
    return lambda line: context.reporter.output(line.decode(errors="replace").rstrip("\n"))


def _environment(build: ProgramBuild, files: Mapping[str, Path], context: Context) -> dict[str, str]:
    """Return the variables that Makefiles and configure scripts know, and those of CMake.

    GNU Coding Standards, *Makefile Conventions*; autoconf's ``CC_FOR_BUILD``; CMAKE_TOOLCHAIN_FILE (CMake 3.21).
    """
    compilers = build.compilers
    kept = proc.base_environment(context.environ)
    path = [*map(str, compilers.path_dirs), context.environ.get("PATH", os.defpath)]
    prefix = f"-ffile-prefix-map={build.tree}=."
    return {
        **{name: kept[name] for name in ("TMPDIR", "LANG", "LC_ALL", "SOURCE_DATE_EPOCH") if name in kept},
        "HOME": str(fs.make_directory(build.tree.parent / ".home")),
        "PATH": os.pathsep.join(path),
        **compilers.variables,
        **{f"{name}_FOR_BUILD": value for name, value in compilers.host_variables.items()},
        "CFLAGS": f"-O2 {prefix}",
        "CXXFLAGS": f"-O2 {prefix}",
        "LDFLAGS": " ".join(compilers.link_flags),
        "CMAKE_TOOLCHAIN_FILE": str(files["cmake-toolchain"]),
        # pkg-config would find this machine's libraries.
        "PKG_CONFIG_LIBDIR": "" if compilers.sysroot is None else f"{compilers.sysroot}/usr/share/pkgconfig",
        **build.env,
    }


def _found(build: ProgramBuild) -> dict[str, Path]:
    programs = {name: build.tree / place for name, place in build.programs.items()}
    for name, path in programs.items():
        if not path.resolve().is_relative_to(build.tree.resolve()) or not path.is_file():
            raise PrebuildError(
                f"the build left no program {name!r} at {build.programs[name]}",
                cause="another place, or a build that skips it for this target",
                action="correct `programs` in releases.toml; the tree is " + str(build.tree),
            )
    return programs
