"""Native compilers compared with the root's own: version, target, macros and default options, both ways."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import shlex

from pipeline import fs
from pipeline.context import Context
from pipeline.model.events import Where
from pipeline.model.root import EmulatedRoot
from pipeline.rootfs.native import names_in
from pipeline.rootfs.plan import roots_dir
from pipeline.rootfs.use import RunOptions, run_kept

_COMPILERS = ("gcc", "g++", "clang", "clang++", "rustc")
_QUESTIONS = {
    # Macros tell of the version, the processor and what a distribution switches on (PIE, stack protector, fortify).
    "gcc": ("-dumpfullversion", "-dumpmachine", "-O2 -dM -E -x c /dev/null",
            "-O2 -Q --help=target --help=optimizers --help=common"),
    "g++": ("-dumpfullversion", "-O2 -dM -E -x c++ /dev/null"),
    "clang": ("-dumpversion", "-O2 -dM -E -x c /dev/null", "-print-resource-dir"),
    "clang++": ("-dumpversion", "-O2 -dM -E -x c++ /dev/null"),
    "rustc": ("-vV", "--print cfg"),
}  # fmt: skip
_TEMPORARY = re.compile(r"/cc\w{6}\.s\b")
"""GCC tells where it would write, which is another file each time."""
_MARK = "=====snapstitch====="
_LINES_SHOWN = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One question that the two compilers answer differently."""

    command: str
    lines: tuple[str, ...]
    """Of the emulated one behind ``-``, of the native one behind ``+``."""


def warn_of_differences(root: EmulatedRoot, context: Context) -> None:
    """Compare the compilers of *root* once, when it is first used with its native tools, and warn of what differs.

    Raises RootError where it cannot be entered.
    """
    if root.tools is None or root.tracer is not None:
        return
    name = f"{root.request.target.name}-{root.digest}-{root.tools.directory.name.rpartition('-')[2]}.json"
    path = roots_dir(context) / "compared" / name
    if not path.is_file():
        with context.reporter.step("root: compare compilers", where=Where.EMULATED) as step:
            found = compare_compilers(root, context)
            step.detail(f"{len(found)} differences")
        fs.make_directory(path.parent)
        fs.write_text(path, json.dumps([one.command for one in found]))
    differing = json.loads(path.read_text(encoding="utf-8"))
    if differing:
        context.reporter.warn(
            f"native and emulated compilers differ in {', '.join(differing)}: see `root compare` with the same options"
        )


def compare_compilers(root: EmulatedRoot, context: Context) -> tuple[Difference, ...]:
    """Return where native and emulated compilers of *root* differ; raises RootError where it cannot be entered."""
    present = names_in(root.tools, (root.rootfs,)) if root.tools else ()
    commands = [f"{name} {question}" for name in _COMPILERS if name in present for question in _QUESTIONS[name]]
    if not commands:
        return ()
    answers = [_answers(root, commands, switch, context) for switch in ("0", "1")]
    return tuple(found for question in zip(commands, *answers, strict=True) if (found := difference(*question)))


def _answers(root: EmulatedRoot, commands: list[str], switch: str, context: Context) -> list[str]:
    lines = [f"{command} 2>&1; echo {_MARK}" for command in commands]
    options = RunOptions(argv=("sh", "-c", "\n".join(lines)), env={"NATIVE": switch}, network=False)
    return run_kept(root, options, context).text.split(f"{_MARK}\n")[: len(commands)]


def difference(command: str, emulated: str, native: str) -> Difference | None:
    """Return how the answers to one question differ, None when they are equal."""
    first, second = (_TEMPORARY.sub("/", answer) for answer in (emulated, native))
    if first == second:
        return None
    lines = difflib.unified_diff(first.splitlines(), second.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[:1] in "+-" and not line.startswith(("---", "+++"))]
    return Difference(command=shlex.join(shlex.split(command)), lines=tuple(changed[:_LINES_SHOWN]))
