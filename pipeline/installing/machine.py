"""What this machine is: system, CPU, and the C library that this very process runs with, with its version.

Files that merely lie about (``/etc/alpine-release``, a musl beside glibc) say nothing: asked are the C library itself
(confstr(3)), the ELF interpreter of the running Python, and ``ldd``, in this order.
"""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.elf.reader import read_elf
from pipeline.errors import PipelineError
from pipeline.installing.choice import Machine
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import Target, target_of_machine
from pipeline.processes import proc

_TIMEOUT_S = 10.0
_ARMV8 = 8
# Names of process.arch where the table of targets has no row.
_OTHER_ARCHES = {
    "i386": "ia32",
    "i686": "ia32",
    "AMD64": "x64",
    "arm64": "arm64",
    "ARM64": "arm64",
    "riscv64": "riscv64",
}
_MUSL_LOADER = re.compile(r"(^|/)ld-musl-[^/]*$")
_GLIBC_LOADER = re.compile(r"/ld(-linux[^/]*|64)?\.so\.[1-3]$")

LibcFacts = tuple[Libc | None, str | None]


def this_machine(environ: Mapping[str, str]) -> Machine:
    """Return this machine; no Node is looked for."""
    arch, arm_version = _cpu(platform.machine(), struct.calcsize("P") * 8)
    libc, version = _libc(environ) if sys.platform == "linux" else (None, None)
    return Machine(platform=sys.platform, arch=arch, arm_version=arm_version, libc=libc, libc_version=version)


def machine_of(target: Target, libc: Libc, libc_version: str | None) -> Machine:
    """Return another machine, for which something is to be installed from here."""
    return Machine(
        platform="linux",
        arch=target.node_arch,
        arm_version=target.arm_version,
        libc=libc,
        libc_version=libc_version,
    )


def _cpu(machine: str, bits: int) -> tuple[str, int | None]:
    """Return CPU and ARM version of programs like this one: a 32-bit system may run on a 64-bit kernel."""
    if match := re.fullmatch(r"armv([5-9])[a-z]*", machine):
        return "arm", int(match[1])
    if machine in {"aarch64", "arm64"} and bits == 32:
        return "arm", _ARMV8
    if machine == "x86_64" and bits == 32:
        return "ia32", None
    target = target_of_machine(machine)
    return (target.node_arch if target else _OTHER_ARCHES.get(machine, machine)), None


def _libc(environ: Mapping[str, str]) -> LibcFacts:
    return _from_confstr() or _from_interpreter(Path(sys.executable), environ) or _from_ldd(environ) or (None, None)


def _from_confstr() -> LibcFacts | None:
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):  # musl does not know the name
        return None
    name, _space, version = text.partition(" ")
    return (Libc.GLIBC, version) if name == "glibc" and version else None


def _from_interpreter(program: Path, environ: Mapping[str, str]) -> LibcFacts | None:
    try:
        interpreter = read_elf(program).interpreter or ""
    except (OSError, PipelineError):
        return None
    if _MUSL_LOADER.search(interpreter):
        # It says its version when it is started without a program.
        return _said((interpreter,), environ) or (Libc.MUSL, None)
    if _GLIBC_LOADER.search(interpreter):
        said = _from_ldd(environ)
        return said if said and said[0] is Libc.GLIBC else (Libc.GLIBC, None)
    return None


def _from_ldd(environ: Mapping[str, str]) -> LibcFacts | None:
    return _said(("ldd", "--version"), environ)


def _said(argv: tuple[str, ...], environ: Mapping[str, str]) -> LibcFacts | None:
    try:
        ended = proc.run(proc.Command(argv=argv, env=proc.base_environment(environ), timeout_s=_TIMEOUT_S))
    except PipelineError:
        return None
    return parse_libc_text((ended.stdout + ended.stderr).decode(errors="replace"))


def parse_libc_text(text: str) -> LibcFacts | None:
    """Return what ``ldd --version`` or a loader says of its C library, None when it says nothing of the kind."""
    if re.search(r"^musl libc\b", text, re.MULTILINE):
        version = re.search(r"^Version ([0-9]+(?:\.[0-9]+)+)", text, re.MULTILINE)
        return Libc.MUSL, version[1] if version else None
    first = text.partition("\n")[0]
    if not re.search(r"\b(GNU libc|E?GLIBC)\b", first, re.IGNORECASE):
        return None
    version = re.search(r"([0-9]+\.[0-9]+)(?:\.[0-9]+)?\.?\s*$", first)
    return Libc.GLIBC, version[1] if version else None
