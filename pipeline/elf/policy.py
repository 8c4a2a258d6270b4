"""Compares what an ELF file says with what its target allows. Pure: facts in, findings out.

The base libraries are those that the GNU C library itself installs: they belong to the loader of the machine that
runs the program and must never travel with a product (https://sourceware.org/glibc/manual/latest/html_node/, and
the file list of Debian's ``libc6``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from pipeline.elf.facts import ElfFacts
from pipeline.elf.libstdcxx import oldest_gcc
from pipeline.model.findings import Finding, Severity
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import TARGETS, Target

BASE_LIBRARIES = frozenset(
    {
        "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2", "libutil.so.1",
        "libanl.so.1", "libmvec.so.1", "libthread_db.so.1", "libBrokenLocale.so.1",
        "libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2", "libnss_hesiod.so.2",
    }
)  # fmt: skip

# Kernels of these targets may be built with 64 KiB pages; a segment that is aligned to less cannot be mapped there.
_LARGE_PAGES_BYTES = {"arm64": 65536, "ppc64el": 65536}

_MUSL_LOADER = re.compile(r"/lib/ld-musl-[a-z0-9_]+\.so\.1")

# ABI variants in e_flags: (mask, wanted value, what it means).
_ABI_FLAGS = {
    "armhf": (0xFF000600, 0x05000400, "EABI version 5, hard float"),
    "ppc64el": (0x3, 0x2, "ELFv2"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ElfPolicy:
    """What the files of one product may be and need."""

    target: Target
    provided: frozenset[str] = frozenset()
    """Names of the libraries that travel with the product."""
    assumed: frozenset[str] = frozenset()
    """Further libraries that the product's users are known to have."""
    glibc_floor: tuple[int, ...] | None = None
    """Newest glibc that the product may need, such as ``(2, 36)``; None: any."""

    complete: bool = True
    """Whether the product brings all that it needs; else what it expects of its system is a fact, not a failure."""
    is_root: bool = False
    """Whether the product is a root file system, such as an image's: it brings the C library and the loader, too."""
    libc: Libc = Libc.GLIBC
    """The C library of the systems that the product is for."""

    @property
    def interpreter(self) -> str:
        """Return the path of the dynamic loader of the systems that the product is for."""
        return self.target.musl_interpreter if self.libc is Libc.MUSL else self.target.interpreter

    @property
    def base_libraries(self) -> frozenset[str]:
        """Return the names of the C library's own files, the loader's among them."""
        loader = PurePosixPath(self.interpreter).name
        if self.libc is Libc.MUSL:
            # One file with several names; Alpine's linker writes the last one into what it links.
            return frozenset({loader, "libc.so", f"libc.musl-{self.target.musl_arch}.so.1"})
        return BASE_LIBRARIES | {loader}

    def allows(self, library: str) -> bool:
        """Return whether a file of the product may need *library*."""
        base = frozenset[str]() if self.is_root else self.base_libraries
        return library in base | self.provided | self.assumed

    def assumes(self, library: str) -> bool:
        """Return whether *library* is allowed only because users are assumed to have it."""
        return library in self.assumed - self.provided - self.base_libraries


def is_base_library(name: str, target: Target) -> bool:
    """Return whether *name* is a library of glibc itself, or its loader."""
    return name in BASE_LIBRARIES or name == PurePosixPath(target.interpreter).name


def check_elf(facts: ElfFacts, policy: ElfPolicy, subject: str) -> tuple[Finding, ...]:
    """Return the findings about one file, *subject*; later ones are left out when it is for another machine."""
    architecture = _architecture(facts, policy, subject)
    if architecture.severity is Severity.FAIL:
        return (architecture,)
    checks = (_abi, _interpreter, _needed, _search_paths, _glibc, _libstdcxx, _alignment, _stack, _notes)
    return (architecture, *(finding for check in checks for finding in check(facts, policy, subject)))


def describe_machine(facts: ElfFacts) -> str:
    """Return class, byte order and machine in words."""
    names = {target.elf_machine: target.name for target in TARGETS}
    target = facts.target()
    machine = target.name if target else names.get(facts.machine, f"machine {facts.machine}")
    return f"{facts.elf_class}-bit {facts.endianness}-endian {machine}"


def version_text(numbers: Iterable[int]) -> str:
    """Return a version such as ``2.36``."""
    return ".".join(str(number) for number in numbers)


def _architecture(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Finding:
    target = policy.target
    wanted = f"{target.elf_class}-bit {target.endianness}-endian {target.name}"
    right = facts.target() == target
    found = describe_machine(facts)
    return Finding(
        id="elf.machine",
        severity=Severity.OK if right else Severity.FAIL,
        subject=subject,
        message=f"is {found}" if right else f"is {found}, not {wanted}",
        evidence={"class": facts.elf_class, "endianness": facts.endianness, "machine": facts.machine},
    )


def _abi(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if policy.target.name not in _ABI_FLAGS or facts.elf_type == "relocatable":
        return
    mask, wanted, meaning = _ABI_FLAGS[policy.target.name]
    # Shared libraries of 32-bit ARM may leave the float ABI out; a wrong one is what matters.
    soft_float = 0x200
    right = facts.flags & mask == wanted or (policy.target.name == "armhf" and not facts.flags & soft_float)
    yield Finding(
        id="elf.abi",
        severity=Severity.OK if right else Severity.FAIL,
        subject=subject,
        message=f"has the ABI {meaning}" if right else f"has e_flags {facts.flags:#x}, which is not {meaning}",
        evidence={"flags": facts.flags},
    )


def _interpreter(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if facts.interpreter is None:
        return
    if policy.is_root:
        yield _interpreter_of_root(facts.interpreter, policy, subject)
        return
    right = facts.interpreter == policy.interpreter
    musl = not policy.complete and bool(_MUSL_LOADER.fullmatch(facts.interpreter))
    yield Finding(
        id="elf.interpreter",
        severity=Severity.OK if right else Severity.INFO if musl else Severity.FAIL,
        subject=subject,
        message=(
            f"is started by {facts.interpreter}"
            if right
            else f"is started by {facts.interpreter}: it is for systems with musl"
            if musl
            else f"is started by {facts.interpreter}, which {policy.target.name} systems do not have; "
            f"they have {policy.interpreter}"
        ),
        evidence={"interpreter": facts.interpreter},
    )


def _interpreter_of_root(interpreter: str, policy: ElfPolicy, subject: str) -> Finding:
    right = policy.allows(PurePosixPath(interpreter).name)
    return Finding(
        id="elf.interpreter",
        severity=Severity.OK if right else Severity.FAIL,
        subject=subject,
        message=f"is started by {interpreter}{'' if right else ', which the image does not have'}",
        evidence={"interpreter": interpreter},
    )


def _needed(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if not facts.dynamic:
        return
    missing = tuple(name for name in facts.needed if not policy.allows(name))
    assumed = tuple(name for name in facts.needed if policy.assumes(name))
    evidence = {"needed": facts.needed, "missing": missing} | ({"assumed": assumed} if assumed else {})
    beside = f", and {', '.join(assumed)}, which users are assumed to have" if assumed else ""
    yield Finding(
        id="elf.needed",
        severity=Severity.OK if not missing else Severity.FAIL if policy.complete else Severity.INFO,
        subject=subject,
        message=(
            f"expects {', '.join(missing)} of the system"
            if missing and not policy.complete
            else f"needs {', '.join(missing)}, which neither the product nor the C library provides"
            if missing
            else f"needs only libraries of the product and the C library{beside}"
        ),
        evidence=dict(evidence),
    )


def _search_paths(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if policy.is_root:
        return  # absolute paths are the image's own, and its loader knows where libraries are
    paths = (*facts.rpath, *facts.runpath)
    foreign = tuple(path for path in paths if not path.startswith(("$ORIGIN", "${ORIGIN}")))
    if foreign:
        yield Finding(
            id="elf.runpath",
            severity=Severity.FAIL if policy.complete else Severity.INFO,
            subject=subject,
            message=f"looks for libraries in {', '.join(foreign)}, a place of the machine that built it",
            evidence={"paths": paths},
        )
    elif any(name in policy.provided for name in facts.needed) and (paths or policy.complete):
        yield Finding(
            id="elf.runpath",
            severity=Severity.OK if paths else Severity.FAIL,
            subject=subject,
            message=(
                f"finds the product's libraries by {', '.join(paths)}"
                if paths
                else "has no RUNPATH and will not find the product's libraries"
            ),
            evidence={"paths": paths},
        )


def _glibc(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    newest = facts.newest_version("GLIBC")
    if newest is None:
        return
    allowed = policy.glibc_floor
    too_new = allowed is not None and newest > allowed
    needs = f"needs glibc {version_text(newest)}"
    if policy.libc is Libc.MUSL:
        yield Finding(id="elf.glibc", severity=Severity.FAIL, subject=subject, message=f"{needs}, and it is for musl")
        return
    yield Finding(
        id="elf.glibc",
        severity=Severity.FAIL if too_new else Severity.OK if allowed else Severity.INFO,
        subject=subject,
        message=(
            f"{needs}, newer than the {version_text(allowed)} that the target declares"
            if allowed and too_new
            else f"{needs}, the target declares {version_text(allowed)}"
            if allowed
            else needs
        ),
        evidence={"glibc": version_text(newest), "declared": version_text(allowed) if allowed else None},
    )


def _libstdcxx(facts: ElfFacts, _policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    newest = facts.newest_version("GLIBCXX")
    if newest is None:
        return
    compiler = oldest_gcc(newest)
    abi = facts.newest_version("CXXABI")
    yield Finding(
        id="elf.libstdcxx",
        severity=Severity.INFO,
        subject=subject,
        message=f"needs libstdc++ with GLIBCXX_{version_text(newest)}"
        + (f", that of GCC {compiler}" if compiler else ""),
        evidence={"glibcxx": version_text(newest), "cxxabi": version_text(abi) if abi else None, "gcc": compiler},
    )


def _alignment(facts: ElfFacts, policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    wanted = _LARGE_PAGES_BYTES.get(policy.target.name)
    if not facts.load_alignments_bytes or wanted is None:
        return
    smallest = min(facts.load_alignments_bytes)
    not_on = " and ".join(f"{size // 1024} KiB" for size in (16384, 65536) if size > smallest)
    yield Finding(
        id="elf.alignment",
        severity=Severity.OK if smallest >= wanted else Severity.INFO,
        subject=subject,
        message=f"runs on kernels with pages of up to {smallest // 1024} KiB"
        + (f", not on those with {not_on}" if not_on else ""),
        evidence={"alignment_bytes": smallest, "pages_16k": smallest >= 16384, "pages_64k": smallest >= 65536},
    )


def _stack(facts: ElfFacts, _policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if facts.elf_type in {"executable", "shared"} and facts.executable_stack:
        yield Finding(
            id="elf.stack",
            severity=Severity.FAIL,
            subject=subject,
            message="asks for an executable stack",
        )


def _notes(facts: ElfFacts, _policy: ElfPolicy, subject: str) -> Iterator[Finding]:
    if facts.elf_type in {"executable", "shared"}:
        yield Finding(
            id="elf.facts",
            severity=Severity.INFO,
            subject=subject,
            message=f"RELRO {facts.relro}, build-id {facts.build_id or 'none'}",
            evidence={"relro": facts.relro, "build_id": facts.build_id},
        )
