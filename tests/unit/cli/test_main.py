"""The error boundary: messages, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import pipeline
from pipeline.cli import main as main_module
from pipeline.cli.main import BROKEN_PIPE_EXIT_CODE, commands, main

ROOT = Path(__file__).parents[3]
SPEC = 'schema = 1\n[runtimes.app]\nsource = { kind = "path", path = "app" }\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a specification."""
    (tmp_path / "releases.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["plan"], 0),
        (["--help"], 0),
        (["build", "--help"], 0),
        (["--version"], 0),
        (["plan", "--target"], 2),
        (["build"], 2),
        (["plan", "--target", "arm46"], 4),
        (["plan", "--runtime", "ap"], 4),
        (["plan", "--spec", "nowhere.toml"], 3),
    ],
)
def test_exit_codes(place: Path, arguments: list[str], exit_code: int) -> None:
    assert start(*arguments, cwd=place).returncode == exit_code


def test_a_mistake_in_the_specification(place: Path) -> None:
    (place / "releases.toml").write_text(SPEC + "vm-crat = 'v8'\n")
    ended = start("plan", cwd=place)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == (
        "runtimes.app.vm-crat: unknown key; did you mean 'vm-crate'?\n"
        "\n"
        "error: releases.toml has 1 mistake\n"
        "  usual cause: a misspelt key, or a value that does not fit\n"
        "  what to do:  correct releases.toml; docs/releases-toml.md describes every key\n"
    )


@pytest.mark.parametrize("arguments", [["plan", "--json"], ["--json", "plan"]])
def test_a_result_is_the_only_thing_on_standard_output(place: Path, arguments: list[str]) -> None:
    ended = start(*arguments, cwd=place)
    document = json.loads(ended.stdout)
    assert (document["schema"], document["runtime"]) == (1, "app")
    assert ended.stderr == ""


def test_an_error_is_an_object_too(place: Path) -> None:
    ended = start("plan", "--json", "--target", "arm46", cwd=place)
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["exit_code"], error["class"]) == (4, 4, "UnknownNameError")
    assert error["what"] == "there is no target 'arm46'; did you mean 'arm64'?"
    assert ended.stderr.startswith("error: there is no target 'arm46'")


def test_without_json_nothing_is_on_standard_output_after_an_error(place: Path) -> None:
    assert start("plan", "--target", "arm46", cwd=place).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["biuld"],
            (
                "error: no such verb 'biuld'; did you mean 'build'?\n"
                "  usual cause: a misspelt verb or option, or a value that does not fit\n"
                "  what to do:  see `python -m pipeline --help`\n"
            ),
        ),
        (
            ["zzz"],
            (
                "error: no such verb 'zzz'\n"
                "  usual cause: a misspelt verb or option, or a value that does not fit\n"
                "  what to do:  see `python -m pipeline --help`\n"
            ),
        ),
        (
            ["install", "https://example.com/x.prebuilds.json", "--mirror", "mirror.example"],
            (
                "error: --mirror mirror.example is no address: it begins with https:// or http://\n"
                "  usual cause: a misspelt verb or option, or a value that does not fit\n"
                "  what to do:  see `python -m pipeline install --help`\n"
            ),
        ),
        (
            ["build"],
            (
                "error: for which target?\n"
                "  usual cause: the command was called without --target\n"
                "  what to do:  add --target NAME, once or more: amd64, arm64, armhf, s390x, ppc64el\n"
            ),
        ),
    ],
)
def test_messages_of_the_command_line(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    del place
    assert main(arguments) == 2
    assert capsys.readouterr().err == message


def test_a_misspelt_option_names_its_near_miss(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del place
    assert main(["plan", "--tagret", "arm64"]) == 2
    written = capsys.readouterr().err
    assert "'--tagret'" in written
    assert "--target" in written
    assert "see `python -m pipeline plan --help`" in written


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the command raise *error*, as a mistake or a signal would."""

    def invoke(_context: click.Context) -> None:
        raise error

    monkeypatch.setattr(main_module.commands, "invoke", invoke)


def test_a_mistake_of_ours_shows_everything(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del place
    raising(monkeypatch, ZeroDivisionError("by nothing"))
    assert main(["plan", "--json"]) == 1
    written = capsys.readouterr()
    assert written.err.startswith("Traceback (most recent call last):\n")
    assert written.err.endswith(
        "error: ZeroDivisionError: by nothing\n"
        "  usual cause: a mistake in the pipeline itself\n"
        "  what to do:  report it with the lines above\n"
    )
    assert json.loads(written.out)["error"]["class"] == "PipelineError"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    del place
    raising(monkeypatch, error)
    assert main(["plan"]) == 130
    assert capsys.readouterr().err == "stopped; what was finished is kept, and the next run goes on from there\n"


def test_a_full_disk_has_its_own_message(place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline", "plan"],
            cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 13
    assert ended.stderr.startswith("error: no space left on the disk that holds ")


def test_a_closed_pipe_is_quiet(place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "plan"],
        cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=writer, stderr=subprocess.PIPE, check=False,
        timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (BROKEN_PIPE_EXIT_CODE, b"")


def test_help_lists_the_verbs_in_their_order() -> None:
    written = CliRunner().invoke(commands, ["--help"]).output
    verbs = re.findall(r"^  ([a-z0-9-]+) {2,}\S", written[written.index("Commands:") :], re.MULTILINE)
    assert verbs == [
        "build",
        "generator",
        "snapshot",
        "stitch",
        "plan",
        "doctor",
        "verify",
        "report",
        "v8",
        "sync",
        "publish",
        "release",
        "image",
        "cache",
        "root",
        "prebuild",
        "install",
        "reference",
        "workflows",
        "completion",
    ]


def test_version() -> None:
    assert CliRunner().invoke(commands, ["--version"]).output.startswith(f"snapstitch {pipeline.__version__}\n")


@pytest.mark.parametrize("verb", ["build", "generator", "snapshot", "stitch", "plan", "doctor", "verify", "reference"])
def test_every_verb_takes_the_common_options(verb: str) -> None:
    written = CliRunner().invoke(commands, [verb, "--help"]).output
    for option in ("--cache-dir", "--offline", "--jobs", "--json", "--verbose", "--quiet"):
        assert option in written
