"""A native Python in an emulated root: the interpreter is this machine's, all that is written in Python is the root's.

It is called by its path in the root, and therefore finds the root's standard library. Modules written in C must be of
the interpreter's kind: they are put beside those of the root, under names of their own. What it says of the machine
(``sysconfig``) comes from the root, by the variables that CPython itself takes when it is built for another machine.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from pipeline.model.target import Target

PACKAGE = "python3"
PROGRAM = re.compile(r"python3\.\d+")
_MODULES = "usr/lib/{name}/lib-dynload"
"""Where CPython has its modules written in C."""
_NOT_MINIMAL = "_ctypes.*"
"""What Debian's minimal package, which the native rustc takes, lacks."""


def found_in(root: Path) -> str | None:
    """Return the name of the interpreter in the prefix *root*, None where it has not all of its modules."""
    for path in sorted((root / "usr/bin").glob("python3.*")):
        modules = root / _MODULES.format(name=path.name)
        if PROGRAM.fullmatch(path.name) and any(modules.glob(_NOT_MINIMAL)):
            return path.name
    return None


def variables(target: Target) -> tuple[str, ...]:
    """Return what makes the interpreter tell of the root's machine."""
    # CPython's "Makefile.pre.in", PYTHON_FOR_BUILD. Debian names the data without the system.
    data = f"_sysconfigdata__{target.gnu_triple}"
    return (f"_PYTHON_HOST_PLATFORM=linux-{target.kernel_machine}", f"_PYTHON_SYSCONFIGDATA_NAME={data}")


def modules_dir(name: str) -> PurePosixPath:
    """Return where the interpreter *name* looks for modules written in C."""
    return PurePosixPath("/") / _MODULES.format(name=name)


def native_modules(prefix: Path) -> tuple[Path, ...]:
    """Return the native modules in *prefix*, none where it has no interpreter."""
    name = found_in(prefix)
    return tuple(sorted((prefix / _MODULES.format(name=name)).iterdir())) if name else ()


def link_modules(prefix: Path, inside: PurePosixPath, own: Path, kept: PurePosixPath, directory: Path) -> None:
    """Fill the new *directory* with links to native modules and to the root's.

    The former lie in *prefix*, which is seen at *inside*; the latter in *own*, which is seen at *kept*.
    """
    directory.mkdir()
    links = {path.name: inside / path.relative_to(prefix) for path in native_modules(prefix)}
    links |= {path.name: kept / path.name for path in own.iterdir()}
    for name, target in links.items():
        (directory / name).symlink_to(target)
