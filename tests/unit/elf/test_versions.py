"""Symbols and their versions, against what another reader finds in the programs of this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pipeline.elf.reader import read_elf
from pipeline.elf.versions import NeededSymbol, symbols_of

PROGRAMS = [Path(sys.executable).resolve(), Path(shutil.which("apt-get") or "/usr/bin/apt-get").resolve()]
PROGRAMS.append(Path("/usr/bin/dpkg"))


def section(elf: ELFFile, name: str) -> Any:  # noqa: ANN401 - its class depends on the name
    return elf.get_section_by_name(name)


def as_another_reader_has_it(path: Path) -> set[NeededSymbol]:
    """Read the sections, which our own reader does not look at."""
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        names = {
            aux["vna_other"]: aux.name
            for _need, versions in section(elf, ".gnu.version_r").iter_versions()
            for aux in versions
        }
        indexes = [symbol["ndx"] for symbol in section(elf, ".gnu.version").iter_symbols()]
        symbols = section(elf, ".dynsym").iter_symbols()
        return {
            NeededSymbol(name=symbol.name, version=names[index])
            for symbol, index in zip(symbols, indexes, strict=True)
            if index in names
        }


def all_versions(path: Path) -> frozenset[str]:
    return frozenset(name for need in read_elf(path).version_needs for name in need.versions)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_the_symbols_of_real_programs(program: Path) -> None:
    found = symbols_of(program, all_versions(program))
    assert found
    assert set(found) == as_another_reader_has_it(program)
    assert [symbol.name for symbol in found] == sorted(symbol.name for symbol in found)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_only_the_versions_that_are_asked_for(program: Path) -> None:
    symbols = symbols_of(program, all_versions(program))
    for version in {symbol.version for symbol in symbols}:
        assert symbols_of(program, frozenset({version})) == tuple(s for s in symbols if s.version == version)
    assert symbols_of(program, frozenset({"GLIBC_99.9"})) == ()


def test_a_damaged_file_tells_nothing(tmp_path: Path) -> None:
    program = PROGRAMS[-1]
    whole = program.read_bytes()
    for size_bytes in (0, 10, 64, 1000, len(whole) // 50):
        path = tmp_path / f"cut-{size_bytes}"
        path.write_bytes(whole[:size_bytes])
        assert symbols_of(path, all_versions(program)) == ()


def test_tables_that_lie_end_somewhere(tmp_path: Path) -> None:
    """Each word of the table of hashes, and what leads to it, made as large as can be."""
    program = PROGRAMS[-1]
    whole = program.read_bytes()
    with program.open("rb") as stream:
        table = section(ELFFile(stream), ".gnu.hash")["sh_offset"]
    versions = all_versions(program)
    right = symbols_of(program, versions)
    for place in range(table, table + 32, 4):
        path = tmp_path / f"at-{place}"
        path.write_bytes(whole[:place] + b"\xff\xff\xff\xff" + whole[place + 4 :])
        assert set(symbols_of(path, versions)) <= set(right)
