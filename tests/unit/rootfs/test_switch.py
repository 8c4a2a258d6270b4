"""Switches, as the kernel runs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.rootfs.switch import MAX_FURTHER, Switch, switch_program

if os.uname().machine != "x86_64":
    pytest.skip("switches are x86-64 programs", allow_module_level=True)

SHOW = '#!/bin/sh\necho "$(basename "$0") $*"\necho "${A-unset} ${B-unset}"\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for name in ("native", "emulated"):
        (tmp_path / name).write_text(SHOW)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def ran(place: Path, switch: Switch, *arguments: str, env: Mapping[str, str] | None = None) -> list[str]:
    path = place / switch.name
    path.write_bytes(switch_program(switch))
    path.chmod(0o755)
    variables = {"PATH": "/usr/bin:/bin", **(env or {})}
    ended = subprocess.run([path, *arguments], env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    return ended.stdout.splitlines()


def switch(place: Path, arguments: tuple[str, ...] = (), variables: tuple[str, ...] = ()) -> Switch:
    return Switch(
        name="g++", native=str(place / "native"), emulated=str(place / "emulated"),
        arguments=arguments, variables=variables,
    )  # fmt: skip


def test_the_native_program_gets_more(programs: Path) -> None:
    wanted = switch(programs, ("-x", "two words"), ("A=1", "B=2"))
    assert ran(programs, wanted, "a", "") == ["native a  -x two words", "1 2"]
    assert ran(programs, switch(programs), env={"A": "own"}) == ["native ", "own unset"]


@pytest.mark.parametrize("variable", ["NATIVE", "NATIVE_g++"])
def test_the_environment_decides(programs: Path, variable: str) -> None:
    wanted = switch(programs, ("-x",), ("A=1",))
    assert ran(programs, wanted, "a", env={variable: "0"}) == ["emulated a", "unset unset"]
    for other in ({variable: "1"}, {variable: "00"}, {f"{variable}X": "0"}, {variable: ""}):
        assert ran(programs, wanted, "a", env=other)[0] == "native a -x"


def test_many_arguments_and_variables(programs: Path) -> None:
    wanted = switch(programs, tuple(f"-{i}" for i in range(30)), tuple(f"V{i}=x" for i in range(30)))
    own = [str(i) for i in range(5000)]
    env = {f"W{i}": "y" * 50 for i in range(500)}
    assert ran(programs, wanted, *own, env=env)[0] == " ".join(["native", *own, *(f"-{i}" for i in range(30))])
    with pytest.raises(ValueError, match=f"more than {MAX_FURTHER}"):
        switch_program(switch(programs, ("x",) * (MAX_FURTHER + 1)))


def test_a_program_that_finds_itself_is_told_its_own_path(tmp_path: Path) -> None:
    path = tmp_path / "cc"
    wanted = Switch(
        name="cc", native="/bin/cat", emulated="/bin/sh", arguments=("/proc/self/cmdline",), finds_itself=True
    )
    path.write_bytes(switch_program(wanted))
    path.chmod(0o755)
    assert subprocess.run([path], capture_output=True, check=True).stdout == b"/bin/sh\0/proc/self/cmdline\0"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(switch_program(Switch(name="x", native="/nonexistent", emulated="/nonexistent")))
    path.chmod(0o755)
    assert subprocess.run([path], check=False).returncode == 127
