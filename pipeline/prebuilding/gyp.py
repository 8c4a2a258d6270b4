"""Compiling an addon by node-gyp, for another machine.

node-gyp is started directly, with a HOME of its own: no npmrc of the machine (``nodedir``, ``python``, …) is read.
https://github.com/nodejs/node-gyp#environment-variables, and gyp's own ``make`` generator for CC, CXX, AR and their
``_host`` twins.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import CompileError, PrebuildError, ToolboxError
from pipeline.prebuilding.cross_files import Compilers
from pipeline.processes import proc
from pipeline.processes.memory import Need, killed_error, shows_shortage

_TIMEOUT_S = 4 * 3600.0
_JOB_BYTES = 1_000_000_000
_EXPORTS = """{
  global: napi_register_module_v*; node_api_module_get_api_version_v*; node_register_module_v*;
  local: *;
};
"""
"""What Node looks for in an addon; all else, the C++ library above all, must not meet that of other addons."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GypBuild:
    """An addon that is to be compiled."""

    tree: Path
    """Directory with ``binding.gyp``; it is written to."""
    compilers: Compilers
    host_node: Path
    gyp: Path
    """node-gyp's script."""
    node_root: Path
    """``--nodedir``: has ``include/node`` of the target's Node."""
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    strip: bool = True
    cxx: bool = True
    """Whether C++ is in it; else the C compiler links."""
    addon: str | None = None
    """Path of the addon in the tree; None: the only one in ``build/Release``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compiled:
    """What came out."""

    path: Path
    cpu_s: float
    duration_s: float


def build_addon(build: GypBuild, context: Context) -> Compiled:
    """Compile the addon and return it.

    Raises PrebuildError when the tree is no addon or makes none, CompileError with the compiler's words, ToolboxError.
    """
    if not (build.tree / "binding.gyp").is_file():
        raise PrebuildError(
            f"there is no binding.gyp in {build.tree}",
            cause="the package is not an addon, or its published form has no sources",
            action='choose another version, or its repository\'s sources (`source = { kind = "path" }`)',
        )
    home = fs.make_directory(build.tree.parent / ".home")
    command = proc.Command(
        argv=_arguments(build, context), env=_environment(build, home, context), cwd=build.tree, timeout_s=_TIMEOUT_S
    )
    completed = proc.run(command, on_stdout=_shown(context), on_stderr=_shown(context))
    if completed.exit_code != 0:
        raise _failure(build, command, completed, context)
    return Compiled(path=_addon(build), cpu_s=completed.cpu_s, duration_s=completed.duration_s)


def _shown(context: Context) -> proc.LineSink:
    return lambda line: context.reporter.output(line.decode(errors="replace").rstrip("\n"))


def _arguments(build: GypBuild, context: Context) -> tuple[str, ...]:
    jobs = ("--jobs", str(context.jobs or os.cpu_count() or 1))
    arch = build.compilers.target.node_arch
    return (
        *(str(build.host_node), str(build.gyp), "rebuild", "--release", "--verbose", f"--arch={arch}"),
        *(f"--nodedir={build.node_root}", f"--python={sys.executable}", *jobs, *build.arguments),
    )


def _environment(build: GypBuild, home: Path, context: Context) -> dict[str, str]:
    exports = build.tree.parent / "addon.map"
    fs.write_if_changed(exports, _EXPORTS)
    compilers = build.compilers
    path = [str(build.host_node.parent), *map(str, compilers.path_dirs), context.environ.get("PATH", os.defpath)]
    if proc.find_program("make", {"PATH": os.pathsep.join(path)}) is None:
        raise ToolboxError(
            "there is no make", cause="the toolbox lacks it", action="install make, or give --toolchain private"
        )
    kept = proc.base_environment(context.environ)
    link = (*compilers.link_flags, f"-Wl,--version-script={exports}", *(("-Wl,-s",) if build.strip else ()))
    prefix = f"-ffile-prefix-map={build.tree.parent}=."
    return {
        **{name: kept[name] for name in ("TMPDIR", "LANG", "LC_ALL", "SOURCE_DATE_EPOCH") if name in kept},
        "HOME": str(home),
        "PATH": os.pathsep.join(path),
        **compilers.variables,
        **{f"{name}_host": value for name, value in compilers.host_variables.items()},
        "CFLAGS": prefix,
        "CXXFLAGS": prefix,
        "LDFLAGS": " ".join(link),
        **({} if build.cxx else {"LINK": compilers.variables["CC"]}),
        **build.env,
    }


def _addon(build: GypBuild) -> Path:
    release = build.tree / "build" / "Release"
    found = sorted(release.glob("*.node")) if build.addon is None else [build.tree / build.addon]
    if len(found) == 1 and found[0].is_file():
        return found[0]
    names = ", ".join(path.name for path in found if path.is_file()) or "none"
    raise PrebuildError(
        f"it is not clear which addon node-gyp made in {build.tree}: {names}",
        cause="binding.gyp has several targets, none, or one that was skipped",
        action='name it in releases.toml: `addon = "build/Release/NAME.node"`; some need a `gyp-arguments`, too',
    )


def _failure(build: GypBuild, command: proc.Command, completed: proc.Completed, context: Context) -> Exception:
    said = (completed.stdout + completed.stderr).decode(errors="replace")
    if shows_shortage(said, completed.exit_code):
        need = Need(what="compiling an addon", job_bytes=_JOB_BYTES)
        return killed_error(need, jobs=context.jobs, details=said)
    return CompileError(
        f"node-gyp cannot compile {build.tree.name} for {build.compilers.label}",
        cause="sources that do not compile for this target, or a header that is not there; see above",
        action=f"by hand:\n{command.replay_line()}",
        details=said[-20_000:],
    )


def package_facts(tree: Path) -> tuple[str, str]:
    """Return name and version in the package.json of *tree*; raises PrebuildError when there is none."""
    try:
        value = json.loads((tree / "package.json").read_text(encoding="utf-8"))
        return str(value["name"]), str(value["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrebuildError(
            f"{tree} has no package.json with a name and a version",
            cause="it is not the root of an npm package",
            action="correct `source` in releases.toml",
        ) from error
