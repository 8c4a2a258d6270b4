"""The table of targets."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.elf import probe
from pipeline.errors import UnknownNameError
from pipeline.examine import declared
from pipeline.model import target as target_table
from pipeline.model.target import TARGETS, find_target, target_of_elf, target_of_machine
from pipeline.prebuilding import cross_files
from pipeline.v8.builtins import LANDMARKS


@pytest.mark.parametrize("name", ["arm64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu", "linux/arm64"])
def test_a_target_is_found_by_any_of_its_names(name: str) -> None:
    assert find_target(name).name == "arm64"


def test_an_unknown_target_names_the_near_miss_and_the_choices() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_target("amr64")
    assert str(caught.value) == (
        "error: there is no target 'amr64'; did you mean 'arm64'?\n"
        "  usual cause: a misspelt name, or an architecture that the table of targets lacks\n"
        "  what to do:  choose one of amd64, arm64, armhf, s390x, ppc64el"
        " (or a Rust triple, or a platform such as linux/arm64)"
    )


def test_every_name_belongs_to_one_target() -> None:
    for field in ("name", "rust_triple", "gnu_triple", "oci_platform", "qemu_name", "elf_machine", "interpreter"):
        values = [getattr(target, field) for target in TARGETS]
        assert len(set(values)) == len(values), field


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("model/target.py: musl's names", target_table._MUSL_ARCHES),
        ("model/target.py: the kernel's names", target_table._MACHINE_NAMES.values()),
        ("elf/probe.py: a program", probe._CODE),
        ("elf/probe.py: a loop", probe._LOOP),
        ("examine/declared.py: names in names of files", declared._KERNEL_NAMES),
        ("prebuilding/cross_files.py: Meson's names", cross_files._MESON_CPUS),
        ("v8/builtins.py: what tells its code", [marks.target for marks in LANDMARKS]),
    ],
    ids=str,
)
def test_every_table_has_every_target(place: str, known: Iterable[str]) -> None:
    """What a new target needs beside its row: docs/architecture.md."""
    assert {target.name for target in TARGETS} - set(known) == set(), place


def test_an_elf_header_tells_the_target() -> None:
    for target in TARGETS:
        found = target_of_elf(machine=target.elf_machine, elf_class=target.elf_class, endianness=target.endianness)
        assert found is target
    assert target_of_elf(machine=183, elf_class=64, endianness="big") is None


def test_machine_names_of_the_kernel() -> None:
    amd64 = target_of_machine("x86_64")
    assert amd64 is not None
    assert amd64.name == "amd64"
    assert target_of_machine("riscv64") is None


def test_variable_names() -> None:
    armhf = find_target("armhf")
    assert armhf.env_suffix == "armv7_unknown_linux_gnueabihf"
    assert armhf.cargo_env_infix == "ARMV7_UNKNOWN_LINUX_GNUEABIHF"
