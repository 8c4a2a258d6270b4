"""The stub, compiled and run."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from pipeline.lifting.stub import RUN_STEP_VARIABLE, STUB_FILE_NAME, stub_source
from pipeline.processes import proc

PACKAGE = {"CARGO_PKG_NAME": "snap", "CARGO_PKG_VERSION": "1.2.3"}


@pytest.fixture(scope="module")
def rustc(cargo_program: Path) -> Path:
    beside = cargo_program.with_name("rustc")
    found = beside if beside.exists() else proc.find_program("rustc", os.environ)
    if not found:
        pytest.fail("these tests need rustc beside Cargo or on the PATH")
    return found


def environment(**more: str) -> dict[str, str]:
    return proc.base_environment(os.environ) | PACKAGE | more


@pytest.fixture(scope="module")
def stub(rustc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("stub")
    (directory / STUB_FILE_NAME).write_text(stub_source())
    argv = (str(rustc), "--edition=2021", "-o", str(directory / "stub"), str(directory / STUB_FILE_NAME))
    proc.check(proc.Command(argv=argv, env=environment()))
    return directory / "stub"


def run_stub(stub: Path, step: Path | str | None, **more: str) -> proc.Completed:
    env = environment(**more)
    if step is not None:
        env[RUN_STEP_VARIABLE] = str(step)
    return proc.run(proc.Command(argv=(str(stub),), env=env, cwd=stub.parent))


def script(directory: Path, text: str) -> Path:
    path = directory / "a step"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("edition", ["2015", "2018", "2021", "2024"])
def test_no_lint_that_a_package_may_forbid_stops_it(rustc: Path, edition: str, tmp_path: Path) -> None:
    known = proc.check(proc.Command(argv=(str(rustc), "-W", "help"), env=environment())).text
    lints = re.findall(r"^ +([a-z][a-z0-9-]+) +(?:allow|warn) ", known, re.MULTILINE)
    assert "missing-docs" in lints
    assert len(lints) > 100
    (tmp_path / STUB_FILE_NAME).write_text(stub_source())
    # Some lints are known to unstable compilers only; the other exceptions are about the compiler run itself.
    exempt = {"unstable-features", "linker-messages", "unknown-lints"}
    forbidden = ["-Aunknown-lints", *(f"-F{name}" for name in lints if name not in exempt)]
    argv = (str(rustc), f"--edition={edition}", "--emit=metadata", "-Dwarnings", *forbidden, "--cap-lints=forbid",
            "-o", str(tmp_path / "out"), str(tmp_path / STUB_FILE_NAME))  # fmt: skip
    completed = proc.run(proc.Command(argv=argv, env=environment()))
    assert completed.exit_code == 0, completed.stderr.decode()


def test_it_hands_over_name_version_environment_and_directory(stub: Path, tmp_path: Path) -> None:
    step = script(tmp_path, 'echo "cargo:rustc-env=A=$1 $2 $OUT_DIR $PWD"; echo noise >&2')
    completed = run_stub(stub, step, OUT_DIR="/the/out")
    assert completed.exit_code == 0
    assert completed.text == f"cargo:rustc-env=A=snap 1.2.3 /the/out {stub.parent}\n"
    assert completed.stderr == b"noise\n"


@pytest.mark.parametrize(("text", "exit_code"), [("exit 0", 0), ("exit 17", 17), ("kill -SEGV $$", 128 + 11)])
def test_it_ends_as_the_step_ended(stub: Path, tmp_path: Path, text: str, exit_code: int) -> None:
    assert run_stub(stub, script(tmp_path, text)).exit_code == exit_code


def test_it_says_when_it_was_told_of_no_step(stub: Path) -> None:
    completed = run_stub(stub, None)
    assert completed.exit_code == 1
    assert completed.stdout == b""
    assert completed.stderr.decode() == (
        "error: the build script of snap 1.2.3 has been moved to the target machine, and SNAPSTITCH_RUN_STEP,"
        " which names the program that runs it there, is not set\n"
    )


def test_it_says_when_the_step_cannot_be_started(stub: Path) -> None:
    completed = run_stub(stub, "/nonexistent/step")
    assert completed.exit_code == 1
    assert (
        completed.stderr.decode() == "error: cannot start /nonexistent/step: No such file or directory (os error 2)\n"
    )
