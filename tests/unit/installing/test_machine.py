"""What this machine is, by what runs here."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.installing.choice import Machine
from pipeline.installing.machine import _cpu, _from_interpreter, machine_of, parse_libc_text, this_machine
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target
from tests.unit.installing.vectors import title, vectors


def test_this_machine_is_what_its_library_says() -> None:
    said = subprocess.run(["getconf", "GNU_LIBC_VERSION"], capture_output=True, text=True, check=True).stdout.split()
    machine = this_machine(os.environ)
    assert (machine.libc, machine.libc_version) == (Libc.GLIBC, said[1])
    assert machine.arch == {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    assert machine.platform == sys.platform


def test_the_interpreter_of_python_says_the_same() -> None:
    machine = this_machine(os.environ)
    assert _from_interpreter(Path(sys.executable), os.environ) == (machine.libc, machine.libc_version)


def test_what_is_no_program_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert _from_interpreter(tmp_path / "script", os.environ) is None
    assert _from_interpreter(tmp_path / "missing", os.environ) is None


@pytest.mark.parametrize("case", vectors("texts"), ids=title)
def test_texts(case: dict[str, Any]) -> None:
    libc, version = parse_libc_text(case["text"]) or (None, None)
    assert {"libc": libc, "libc_version": version} == {key: case[key] for key in ("libc", "libc_version")}


@pytest.mark.parametrize(
    ("machine", "bits", "found"),
    [
        ("x86_64", 64, ("x64", None)),
        ("x86_64", 32, ("ia32", None)),
        ("aarch64", 64, ("arm64", None)),
        ("aarch64", 32, ("arm", 8)),
        ("armv7l", 32, ("arm", 7)),
        ("armv6l", 32, ("arm", 6)),
        ("ppc64le", 64, ("ppc64", None)),
        ("AMD64", 64, ("x64", None)),
        ("riscv64", 64, ("riscv64", None)),
        ("mips", 32, ("mips", None)),
    ],
)
def test_cpus(machine: str, bits: int, found: tuple[str, int | None]) -> None:
    assert _cpu(machine, bits) == found


def test_another_machine() -> None:
    assert machine_of(find_target("armhf"), Libc.MUSL, "1.2.5") == Machine(
        platform="linux", arch="arm", arm_version=7, libc=Libc.MUSL, libc_version="1.2.5"
    )
    assert machine_of(find_target("arm64"), Libc.GLIBC, None).arm_version is None
