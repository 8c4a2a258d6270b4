"""The project's own build command, where no prebuild will do."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import CompileError
from pipeline.processes import proc

_TIMEOUT_S = 4 * 3600.0
_MAX_SHOWN = 20_000
"""Characters of a failed command's output."""
# Beside what every child gets: what Makefiles, CMake and node-gyp read.
_COMPILERS = re.compile(r"CC|CXX|AR|LD|RANLIB|STRIP|(C|CXX|CPP|LD)FLAGS|MAKEFLAGS|PKG_CONFIG_PATH|CMAKE_[A-Z_]+|PYTHON")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """A command, and what it leaves."""

    argv: tuple[str, ...]
    directory: Path
    """Where it runs."""
    output: Path
    """The addon or program that it makes, from *directory*."""


def build_here(build: Build, final: Path, context: Context) -> Path:
    """Run the command, put what it made at *final*, and return that.

    Raises CompileError when the command fails or leaves nothing.
    """
    kept = {name: value for name, value in context.environ.items() if _COMPILERS.fullmatch(name)}
    command = proc.Command(
        argv=build.argv,
        env=proc.base_environment(context.environ) | kept,
        cwd=build.directory,
        timeout_s=_TIMEOUT_S,
    )
    with context.reporter.step(f"build {final.name}"):
        ended = proc.run(command, on_stdout=_shown(context), on_stderr=_shown(context))
    output = build.directory / build.output
    if ended.exit_code != 0 or ended.timed_out or not output.is_file():
        how = "left no " + str(build.output) if ended.exit_code == 0 else proc.describe_exit(ended.exit_code)
        raise CompileError(
            f"the build command of {final.name} failed ({how}), and no prebuild fits",
            cause="see what it printed, above",
            action=f"by hand:\n{command.replay_line()}",
            details=(ended.stdout + ended.stderr).decode(errors="replace")[-_MAX_SHOWN:],
        )
    fs.make_directory(final.parent)
    with fs.atomic_path(final) as temporary:
        shutil.copyfile(output, temporary)
        temporary.chmod(0o755 if os.access(output, os.X_OK) else 0o644)
    return final


def _shown(context: Context) -> proc.LineSink:
    return lambda line: context.reporter.output(line.decode(errors="replace").rstrip("\n"))
