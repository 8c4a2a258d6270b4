"""A C library that is too new is told with the symbols that ask for it."""

from __future__ import annotations

from pathlib import Path

from pipeline.elf.facts import version_numbers
from pipeline.elf.policy import ElfPolicy, check_elf
from pipeline.elf.reader import read_elf
from pipeline.elf.too_new import explained
from pipeline.model.findings import Finding, Severity
from pipeline.model.target import find_target
from tests.unit.elf.files import ElfSpec, elf_file

PROGRAM = Path("/usr/bin/dpkg")


def check(path: Path, floor: tuple[int, ...]) -> Finding:
    facts = read_elf(path)
    target = facts.target()
    assert target is not None
    policy = ElfPolicy(target=target, glibc_floor=floor)
    (found,) = (f for f in check_elf(facts, policy, "app") if f.id == "elf.glibc")
    return explained(found, facts, path, policy)


def test_the_newest_come_first() -> None:
    newest = read_elf(PROGRAM).newest_version("GLIBC")
    assert newest is not None
    found = check(PROGRAM, (2, 1))
    needs, shown = found.message.split(": ")
    assert needs == f"needs glibc {'.'.join(map(str, newest))}, newer than the 2.1 that the target declares"
    assert f" ({'.'.join(map(str, newest))})" in shown.split(", ", maxsplit=1)[0]
    symbols = found.evidence["symbols"]
    assert isinstance(symbols, tuple)
    assert shown.endswith(f" and {len(symbols) - 6} more")
    numbers = [version_numbers(symbol.partition("@")[2], "GLIBC") or () for symbol in symbols]
    assert numbers == sorted(numbers, reverse=True)
    assert min(numbers) > (2, 1)


def test_what_is_not_too_new_stays_as_it_is() -> None:
    found = check(PROGRAM, (9, 9))
    assert (found.severity, found.hint) == (Severity.OK, "")
    assert "symbols" not in found.evidence


def test_a_file_that_does_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(elf_file(ElfSpec(target=find_target("arm64"))))
    assert check(path, (2, 31)).message == "needs glibc 2.34, newer than the 2.31 that the target declares"
