"""The tiny programs that show whether a place runs a target."""

from __future__ import annotations

import io
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pipeline.elf.probe import PROBE_EXIT_CODE, pace_program, probe_program
from pipeline.model.target import TARGETS, Target, target_of_elf, target_of_machine
from pipeline.processes.proc import Command, run


@pytest.mark.parametrize("make", [probe_program, pace_program])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_probe_is_a_static_program_of_its_target(target: Target, make: Callable[[Target], bytes]) -> None:
    elf = ELFFile(io.BytesIO(make(target)))
    found = target_of_elf(
        machine=elf.header["e_machine"]
        if isinstance(elf.header["e_machine"], int)
        else {"EM_X86_64": 62, "EM_AARCH64": 183, "EM_ARM": 40, "EM_S390": 22, "EM_PPC64": 21}[elf.header["e_machine"]],
        elf_class=elf.elfclass,
        endianness="little" if elf.little_endian else "big",
    )
    assert found is target
    segments = list(elf.iter_segments())
    assert [segment["p_type"] for segment in segments] == ["PT_LOAD"]
    entry = elf.header["e_entry"] - segments[0]["p_vaddr"]
    assert 0 < entry < segments[0]["p_filesz"] == len(make(target))


@pytest.mark.parametrize("make", [probe_program, pace_program])
def test_the_probe_of_this_machine_runs_on_this_machine(tmp_path: Path, make: Callable[[Target], bytes]) -> None:
    target = target_of_machine(platform.machine())
    assert target is not None, "tests need a build host that the table of targets has"
    program = tmp_path / "probe"
    program.write_bytes(make(target))
    program.chmod(0o755)
    assert run(Command(argv=(str(program),), env={})).exit_code == PROBE_EXIT_CODE
