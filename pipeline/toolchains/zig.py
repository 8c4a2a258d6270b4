"""The compiler of the ``ziglang`` wheel: Clang, LLD and the sources of musl, old glibcs' symbols, libc++ and libunwind.

https://ziglang.org/documentation/0.15.2/ (``zig cc``): it compiles the C and C++ libraries for a target the first time
that the target is asked for, into its own cache, and links those of C++ statically.
"""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Final

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import Target
from pipeline.model.toolchain import Tool
from pipeline.sources.wheels import Wheel, ensure_wheel
from pipeline.toolchains.request import Machine

VERSION: Final = "0.15.2"
_WHEEL_TAGS = {"amd64": "manylinux_2_12_x86_64", "arm64": "manylinux_2_17_aarch64"}
# Zig's name of the architecture, the end of its ABI's name, and the CPU that every machine of the target has.
_TRIPLES = {
    "amd64": ("x86_64", "", "x86_64"),
    "arm64": ("aarch64", "", "generic"),
    "armhf": ("arm", "eabihf", "generic+v7a+vfp3d16-neon-fp16-d32"),
}
OLDEST_GLIBC: Final = "2.17"
"""What is meant by the oldest glibc that Node of any age runs with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Zig:
    """Scripts that compile and link for one target and C library."""

    directory: Path
    triple: str

    @property
    def variables(self) -> dict[str, str]:
        """Return CC and its like."""
        names = {"CC": "cc", "CXX": "c++", "AR": "ar", "RANLIB": "ranlib"}
        return {variable: str(self.directory / script) for variable, script in names.items()}

    @property
    def tool(self) -> Tool:
        """Return what a record says of it."""
        return Tool(name="zig", version=VERSION, origin="private")


def ensure_zig(target: Target, libc: Libc, glibc: str | None, context: Context) -> Zig:
    """Return the scripts, the wheel fetched the first time.

    Raises ToolboxError for a machine or target that there is none for, and what fetching raises.
    """
    host = Machine().host()
    if host.name not in _WHEEL_TAGS or target.name not in _TRIPLES:
        raise ToolboxError(
            f"there is no zig that runs on {host.name} and compiles for {target.name}",
            cause="the table of wheels and targets lacks it",
            action='choose `compiler = "clang"` and the C library glibc, or build on x86-64',
        )
    wheel = Wheel(name="ziglang", version=VERSION, platforms=(_WHEEL_TAGS[host.name],))
    program = ensure_wheel(wheel, context) / "ziglang" / "zig"
    triple = zig_triple(target, libc, glibc)
    directory = context.cache_dir / "zig" / f"{VERSION}-{triple}"
    with fs.locked_beside(directory, hidden=True):
        _write_scripts(directory, program, (triple, _TRIPLES[target.name][2]), context.cache_dir / "zig" / "cache")
    return Zig(directory=directory, triple=triple)


def zig_triple(target: Target, libc: Libc, glibc: str | None) -> str:
    """Return what zig calls the target, such as ``aarch64-linux-gnu.2.17``."""
    arch, abi, _cpu = _TRIPLES[target.name]
    if libc is Libc.MUSL:
        return f"{arch}-linux-musl{abi}"
    return f"{arch}-linux-gnu{abi}.{glibc or OLDEST_GLIBC}"


_SCRIPT = """\
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR={cache}
# zig knows no --exclude-libs; what a library exports is decided by a version script here.
for word do
    shift
    case $word in
    -Wl,--exclude-libs*) ;;
    *) set -- "$@" "$word" ;;
    esac
done
exec {argv} "$@"
"""


def _write_scripts(directory: Path, program: Path, target: tuple[str, str], cache: Path) -> None:
    triple, cpu = target
    flags = (
        *("-target", triple, f"-mcpu={cpu}"),
        # Without optimisation zig adds checks whose run-time library would have to travel along.
        "-fno-sanitize=undefined",
    )
    scripts = {"cc": ("cc", *flags), "c++": ("c++", *flags), "ar": ("ar",), "ranlib": ("ranlib",)}
    for name, words in scripts.items():
        text = _SCRIPT.format(argv=shlex.join([str(program), *words]), cache=shlex.quote(str(cache)))
        path = directory / name
        if fs.write_if_changed(path, text):
            path.chmod(0o755)
