"""What a compiled file needs of the system that it will run on, measured and compared with what is promised."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from pipeline.elf.facts import ElfFacts
from pipeline.elf.policy import ElfPolicy, check_elf, version_text
from pipeline.elf.reader import read_elf
from pipeline.elf.symbols import dynamic_symbols
from pipeline.errors import PrebuildError
from pipeline.model.findings import Finding, Severity
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import Target

_MUSL_DATA = "musl-symbols.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Promise:
    """For which systems a file is meant."""

    target: Target
    libc: Libc
    glibc_floor: str | None
    """Newest glibc that it may need."""
    assumed_libraries: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """What the file needs."""

    libc_floor: str | None
    libraries: tuple[str, ...]
    """Beside the C library."""
    findings: tuple[Finding, ...]


def check_file(path: Path, promise: Promise) -> Need:
    """Return what the ELF file *path* needs.

    Raises PrebuildError, with every failed check, when that is more than promised; ArchiveError for a damaged file.
    """
    facts = read_elf(path)
    policy = ElfPolicy(
        target=promise.target,
        assumed=promise.assumed_libraries,
        glibc_floor=_numbers(promise.glibc_floor) if promise.glibc_floor else None,
        libc=promise.libc,
    )
    findings = check_elf(facts, policy, path.name)
    failed = [finding.message for finding in findings if finding.severity is Severity.FAIL]
    if failed:
        raise PrebuildError(
            f"{path.name} is not what {promise.target.name} systems with {promise.libc.value} take: it "
            + ", and it ".join(failed),
            cause="a library of the sysroot that was linked, or a function that is newer than the promised C library",
            action='choose `compiler = "zig"` or another `glibc`, or name the library in `assumed-libraries`',
        )
    libraries = tuple(name for name in facts.needed if name not in policy.base_libraries)
    return Need(libc_floor=_floor(path, facts, promise.libc), libraries=libraries, findings=findings)


def _floor(path: Path, facts: ElfFacts, libc: Libc) -> str | None:
    if libc is Libc.GLIBC:
        newest = facts.newest_version("GLIBC")
        return version_text(newest) if newest else None
    # musl has no versions of symbols: a function that is missing there shows when it is called.
    versions = musl_versions()
    found = [versions[s.name] for s in dynamic_symbols(path) if not s.defined and s.name in versions]
    return max(found, key=_numbers, default=None)


def musl_versions() -> Mapping[str, str]:
    """Return functions that came with newer versions of musl, and the first version that is known to have each.

    From the symbol tables of Debian's musl 1.2.2, 1.2.3 and 1.2.5, without what Debian adds; 1.2.0 is when 32-bit
    systems got 64-bit times, and what 1.2.2 brought is as its release notes have it.
    """
    text = resources.files("pipeline.data").joinpath(_MUSL_DATA).read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    return {name: version for version, names in table.items() for name in names}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
