"""What ran, summed up."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.rootfs.ran import Ran, emulated_programs, read_accounts, table

EMULATOR = Path("/cache/qemu-aarch64")


def test_what_each_emulated_program_took(tmp_path: Path) -> None:
    entries = [
        {"program": "/x/qemu-aarch64", "argv": "qemu\0/t/build-script-build\0b", "cpu_s": 0.5, "ended": True},
        {"program": "/x/qemu-aarch64", "argv": "qemu\0/t/build-script-build\0b", "cpu_s": 0.25, "ended": True},
        {"program": "/usr/bin/gcc", "argv": "gcc\0a.c", "cpu_s": 9, "ended": True},
    ]
    accounts = tmp_path / "accounts"
    accounts.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries) + '{"program": "/x/qe')
    assert emulated_programs(accounts, Path("/x/qemu-aarch64")) == {"/t/build-script-build": 0.75}
    assert emulated_programs(tmp_path / "none", Path("/x/qemu-aarch64")) == {}


def line(program: str, argv: tuple[str, ...], cpu_s: float, *, ended: bool = True) -> str:
    return json.dumps({"pid": 7, "ended": ended, "cpu_s": cpu_s, "program": program, "argv": "\0".join(argv)}) + "\n"


def test_programs_are_summed_and_the_dear_ones_come_first(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(
        line("/.native/usr/bin/dash", ("sh",), 0.01)
        + line(str(EMULATOR), (str(EMULATOR), "/usr/bin/perl", "x"), 1.5)
        + line(str(EMULATOR), (str(EMULATOR), "/usr/bin/perl", "y"), 0.25, ended=False)
        + '{"pid": 7, "ended": true, "cpu'
    )
    found = read_accounts(accounts, EMULATOR)
    assert found == (
        Ran(name="perl", emulated=True, runs=1, cpu_s=1.75),
        Ran(name="dash", emulated=False, runs=1, cpu_s=0.01),
    )
    assert table(found) == (
        "            runs     CPU s  program\n"
        "emulated       1      1.75  perl\n"
        "native         1      0.01  dash\n"
        "native         1      0.01  in all\n"
        "emulated       1      1.75  in all\n"
    )


def test_nothing_ran(tmp_path: Path) -> None:
    assert read_accounts(tmp_path / "absent", EMULATOR) == ()


def test_a_long_table_is_cut(tmp_path: Path) -> None:
    del tmp_path
    many = tuple(Ran(name=f"p{i}", emulated=False, runs=1, cpu_s=0.0) for i in range(30))
    assert "… and 5 more\n" in table(many)
