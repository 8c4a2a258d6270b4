"""The tables that say how good the tests are, on made-up results; and the pictures of the documentation."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.coverage.__main__ import table as layers
from tests.mutation import __main__ as mutation
from tests.pictures.__main__ import OUT, SHOTS
from tests.pictures.terminal import COLUMNS, draw, take


def test_rows_of_mutants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, survived, reached by no test, hanging, not run; and some that were not asked for."""
    codes = {"x_a__mutmut_1": 1, "x_a__mutmut_6": 0, "x_b__mutmut_1": 33, "x_b__mutmut_11": 24, "x_a__mutmut_16": None}
    others = {"x_a__mutmut_2": 0}
    named = {f"pipeline.lifting.units.{name}": code for name, code in (codes | others).items()}
    path = tmp_path / "pipeline/lifting/units.py.meta"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"exit_code_by_key": named}))
    monkeypatch.setattr(mutation, "MUTANTS", tmp_path)
    (row,) = mutation.read_rows(tuple(mutation.patterns_of(["lifting/units.py"], 5)))
    assert row == mutation.Row(
        module="lifting/units",
        killed=2,
        survivors=("pipeline.lifting.units.x_a__mutmut_6", "pipeline.lifting.units.x_b__mutmut_1"),
    )
    assert mutation.table((row,)).splitlines()[2:] == [
        "| `lifting/units` | 4 | 2 | 2 | 50 % |",
        "| **lifting** | 4 | 2 | 2 | 50 % |",
        "| **all** | 4 | 2 | 2 | 50 % |",
    ]
    assert list(mutation.read_rows(tuple(mutation.patterns_of(["proof"], 1)))) == []


def test_rows_of_layers() -> None:
    def counts(lines: int, run: int, branches: int, taken: int) -> dict[str, dict[str, int]]:
        names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
        return {"summary": dict(zip(names, (lines, run, branches, taken), strict=True))}

    files = {
        "pipeline/v8/blob.py": counts(10, 9, 8, 8),
        "pipeline/v8/scan.py": counts(10, 10, 2, 1),
        "pipeline/fs.py": counts(20, 10, 10, 5),
        "pipeline/apt/__init__.py": counts(0, 0, 0, 0),
    }
    assert layers(files).splitlines()[2:] == [
        "| `fs` | 10 | 5 | 50 % (weak) | 50 % |",
        "| `v8` | 10 | 9 | 90 % | 95 % |",
        "| `apt` | 0 | 0 | 100 % | 0 % |",
        "| `all` | 20 | 14 | 70 % (weak) | 72 % |",
    ]


def test_a_picture_is_what_the_terminal_shows_at_the_end(tmp_path: Path) -> None:
    """What was overwritten is gone, colours are kept, the width is the terminal's, and no font is fetched."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "print(os.get_terminal_size().columns, sys.stderr.isatty())\n"
        "print('working', end='\\r\\x1b[2K')\n"
        "print('\\x1b[32mdone <&>\\x1b[0m\\x1b[1;91m!\\x1b[0m')\n"
        "sys.exit(3)\n"
    )
    shot = take((sys.executable, str(program)), cwd=tmp_path, env={"TERM": "xterm-256color"})
    assert (shot.exit_code, shot.plain) == (3, f"{COLUMNS} True\ndone <&>!")
    assert {str(span.style) for span in shot.lines[1].spans} == {"green", "bold bright_red"}
    svg = draw("a program", "program --all", shot)
    assert "url(http" not in svg
    assert "working" not in svg
    words = "".join(ET.fromstring(svg).itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert all(text in words for text in ("a program", "program --all", "done <&>"))


def test_pictures_are_there_and_tell_nothing_of_the_machine_that_took_them() -> None:
    assert {path.stem for path in OUT.glob("*.svg")} == set(SHOTS)
    shown = "\n".join(Path(OUT / "..").joinpath(name).read_text() for name in ("tutorial.md", "../README.md"))
    for name, (command, _exit_code) in SHOTS.items():
        drawn = ET.parse(OUT / f"{name}.svg").getroot()
        words = "".join(drawn.itertext()).replace("\N{NO-BREAK SPACE}", " ")
        assert command in words
        assert not re.search(r"://(?!www\.w3\.org)|/(?:home|root|tmp|work|usr)/", words)
        assert f"pictures/{name}.svg" in shown
