"""The line for the kernel, and what it matches."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.elf.probe import probe_program
from pipeline.model.root import Emulator
from pipeline.model.target import TARGETS, Target, find_target
from pipeline.rootfs.binfmt import handler, header


def matches(target: Target, program: bytes) -> bool:
    magic, mask = header(target)
    return all(byte & mask[i] == magic[i] & mask[i] for i, byte in enumerate(program[: len(magic)]))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_programs_of_one_target_only(target: Target) -> None:
    assert [other.name for other in TARGETS if matches(target, probe_program(other))] == [target.name]


def test_position_independent_programs_and_other_abis_match_but_objects_do_not() -> None:
    target = find_target("arm64")
    program = bytearray(probe_program(target))
    program[7], program[16] = 3, 3  # ELFOSABI_GNU, ET_DYN
    assert matches(target, bytes(program))
    program[16] = 1  # ET_REL
    assert not matches(target, bytes(program))


def test_the_line() -> None:
    line = handler(Emulator(path=Path("/c/qemu-aarch64"), target=find_target("arm64")))
    assert line == (
        r":snapstitch-arm64:M:0:\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
        r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/c/qemu-aarch64:PF"
    )
    assert len(line) < 256 + 64
