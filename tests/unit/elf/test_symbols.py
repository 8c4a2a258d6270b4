"""Dynamic symbols, against what another reader finds in the programs of this machine, and of files made by hand."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pipeline.elf.symbols import code_of, dynamic_symbols
from pipeline.errors import ArchiveError
from pipeline.model.target import TARGETS, Target, find_target
from tests.unit.elf.files import ElfSpec, elf_file

PROGRAMS = [Path(sys.executable).resolve(), Path(shutil.which("apt-get") or "/usr/bin/apt-get").resolve()]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_the_symbols_of_real_programs(program: Path) -> None:
    with program.open("rb") as stream:
        section: Any = ELFFile(stream).get_section_by_name(".dynsym")
        known = {(s.name, s["st_value"], s["st_shndx"] != "SHN_UNDEF") for s in section.iter_symbols() if s.name}
    found = dynamic_symbols(program)
    assert {(s.name, s.address, s.defined) for s in found} == known


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_both_classes_and_byte_orders(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "addon"
    path.write_bytes(elf_file(ElfSpec(target=target, symbols=(("wanted", None), ("offered", b"code of it")))))
    wanted, offered = dynamic_symbols(path)
    assert (wanted.name, wanted.defined, offered.name, offered.defined) == ("wanted", False, "offered", True)
    assert code_of(path, offered) == b"code of it"
    assert not wanted.weak


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = elf_file(ElfSpec(target=find_target("arm64"), symbols=(("a", None),)))
    path = tmp_path / "cut"
    for size in (0, 40, 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(ArchiveError):
            dynamic_symbols(path)


def test_a_table_that_is_said_to_be_larger_than_the_file(tmp_path: Path) -> None:
    whole = elf_file(ElfSpec(target=find_target("amd64"), symbols=(("a", None),)))
    lie = whole.replace(b"\x01\0\0\0\x02\0\0\0", b"\x01\0\0\0\xff\xff\xff\x7f")
    assert lie != whole
    path = tmp_path / "lie"
    path.write_bytes(lie)
    with pytest.raises(ArchiveError, match="lie outside the file"):
        dynamic_symbols(path)
