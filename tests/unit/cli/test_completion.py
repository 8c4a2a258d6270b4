"""Shell completion, asked as the shells' own scripts ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.completion import SHELLS

ROOT = Path(__file__).parents[3]
PROGRAM = f"{shutil.which('env')} PYTHONPATH={ROOT} {sys.executable} -m pipeline"


def run(arguments: list[str], **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def offered(line: str) -> list[str]:
    """What bash is offered at the end of *line*."""
    typed = line.split(" ")
    env = {"COMP_WORDS": line, "COMP_CWORD": str(len(typed) - 1), "_SNAPSTITCH_COMPLETE": "bash_complete"}
    return [answer.partition(",")[2] for answer in run([], **env).splitlines() if answer]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_asks_this_program(shell: str) -> None:
    script = run(["completion", shell])
    assert f"_SNAPSTITCH_COMPLETE={shell}_complete" in script
    assert "snapstitch" in script


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("snapstitch bui", ["build"]),
        ("snapstitch cache ex", ["explain", "export"]),
        ("snapstitch build --fresh", ["--fresh-snapshot"]),
        ("snapstitch build --target arm", ["arm64", "armhf"]),
        ("snapstitch build --toolchain p", ["private"]),
        ("snapstitch completion z", ["zsh"]),
        ("snapstitch snapshot-s", []),
    ],
)
def test_what_is_offered(line: str, answers: list[str]) -> None:
    assert offered(line) == answers


def test_bash_takes_the_script_and_asks(tmp_path: Path) -> None:
    """The real shell, with a program of the installed one's name."""
    program = tmp_path / "snapstitch"
    program.write_text(f'#!/bin/sh\nexec {PROGRAM} "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(snapstitch completion bash)"\n'
        "COMP_WORDS=(snapstitch ver) COMP_CWORD=1\n"
        '_snapstitch_completion snapstitch ver snapstitch\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "verify\n"
