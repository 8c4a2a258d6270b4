"""Why a file needs a newer C library than its target declares: the symbols that ask for it."""

from __future__ import annotations

from pathlib import Path

from pipeline.elf.facts import ElfFacts, version_numbers
from pipeline.elf.policy import ElfPolicy
from pipeline.elf.versions import NeededSymbol, symbols_of
from pipeline.model.findings import Finding, Severity

_PREFIX = "GLIBC"
_SHOWN = 6


def explained(finding: Finding, facts: ElfFacts, path: Path, policy: ElfPolicy) -> Finding:
    """Return *finding*; one that says that glibc is too new names the symbols of the file *path* that ask for it."""
    if finding.id != "elf.glibc" or finding.severity is not Severity.FAIL or policy.glibc_floor is None:
        return finding
    found = symbols_of(path, facts.versions_after(_PREFIX, policy.glibc_floor))
    symbols = sorted(found, key=lambda symbol: version_numbers(symbol.version, _PREFIX) or (), reverse=True)
    if not symbols:
        return finding
    shown = ", ".join(f"{symbol.name} ({_number(symbol)})" for symbol in symbols[:_SHOWN])
    more = f" and {len(symbols) - _SHOWN} more" if len(symbols) > _SHOWN else ""
    return finding.model_copy(
        update={
            "message": f"{finding.message}: {shown}{more}",
            "hint": "take headers and libraries of an older release (`suite`), or declare a newer glibc",
            "evidence": finding.evidence | {"symbols": tuple(f"{s.name}@{s.version}" for s in symbols)},
        }
    )


def _number(symbol: NeededSymbol) -> str:
    return symbol.version.removeprefix(f"{_PREFIX}_")
