"""What GitHub shows beside a run."""

from __future__ import annotations

import io

import pytest

from pipeline.cli.main import main
from pipeline.report.annotations import annotation
from pipeline.report.choose import Look, make_reporter


def test_what_would_end_the_line_or_its_title_is_escaped() -> None:
    line = annotation("warning", "a: 100 %, b", "one\r\ntwo: 5 %, three")
    assert line == "::warning title=a%3A 100 %25%2C b::one%0D%0Atwo: 5 %25, three\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_warnings_are_annotations_where_github_reads_them(quiet: bool) -> None:
    stream = io.StringIO()
    make_reporter(stream, {"CI": "true", "GITHUB_ACTIONS": "true"}, Look(quiet=quiet)).warn("two\nlines")
    assert stream.getvalue() == "::warning title=snapstitch::two%0Alines\n"


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": ""}])
def test_elsewhere_they_are_lines(environ: dict[str, str]) -> None:
    stream = io.StringIO()
    make_reporter(stream, environ, Look()).warn("two")
    assert stream.getvalue() == "[    0.0 s] warning: two\n"


def test_an_error_is_told_as_ever_and_beside_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["verify", "/nowhere.zip"]) == 2
    assert capsys.readouterr().err == (
        "error: /nowhere.zip does not exist\n"
        "  usual cause: a misspelt path, or another working directory\n"
        "  what to do:  give the path of a file or directory\n"
        "::error title=/nowhere.zip does not exist::usual cause: a misspelt path, or another working directory"
        "%0Awhat to do: give the path of a file or directory\n"
    )
