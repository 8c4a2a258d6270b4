"""Checking products that are there already."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.cli.verdict import verification_error
from pipeline.model.findings import Finding, Severity

FAIL = Finding(id="elf.machine", severity=Severity.FAIL, subject="bin/app", message="is x86-64")
OK = Finding(id="elf.class", severity=Severity.OK, subject="bin/app", message="is 64 bit")


def product(place: Path, name: str) -> Path:
    """A product whose program is one of this machine."""
    directory = place / name
    directory.mkdir()
    shutil.copyfile(Path(sys.executable).resolve(), directory / "app")
    return directory


def test_a_program_of_another_machine_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = product(tmp_path, "app-1-linux-s390x")
    assert main(["verify", "--json", str(directory), "--cache-dir", str(tmp_path / "cache")]) == 21
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert document["error"]["class"] == "VerificationError"
    (file,) = document["files"]
    assert (file["path"], file["verdict"]) == (str(directory), "fail")
    assert "elf.machine: app: " in written.err
    assert "checks FAILED: " in written.err
    assert "error: 1 check failed\n" in written.err


def test_the_target_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = product(tmp_path, "app")
    assert main(["verify", str(directory), "--target", "s390x", "--cache-dir", str(tmp_path / "cache")]) == 21
    assert main(["verify", str(directory), "--cache-dir", str(tmp_path / "cache")]) == 2
    assert capsys.readouterr().err.endswith(
        "error: for which target is app?\n"
        "  usual cause: its name does not end with -linux-<target>.zip\n"
        "  what to do:  add --target NAME\n"
    )


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "/nowhere.zip"]) == 2
    assert "'/nowhere.zip' does not exist" in capsys.readouterr().err


def test_no_error_without_a_failure() -> None:
    assert verification_error((OK,)) is None


def test_the_error_of_failed_checks() -> None:
    error = verification_error((OK, FAIL))
    assert str(error) == (
        "elf.machine: bin/app: is x86-64\n"
        "\n"
        "error: 1 check failed\n"
        "  usual cause: the product is not what it should be; docs/verify.md explains each check\n"
        "  what to do:  do not ship it; build again with --verbose to see how it was made"
    )
