"""Exit codes: unique, documented, and three parts in every message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline import errors
from pipeline.cli.main import BROKEN_PIPE_EXIT_CODE
from pipeline.errors import PipelineError

DOCUMENT = Path(__file__).parents[2] / "docs" / "exit-codes.md"
ROW = re.compile(r"^\| (\d+) \| (\w*) ?\| (.+) \|$", re.MULTILINE)


def all_errors() -> Iterator[type[PipelineError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, PipelineError):
            yield value


def documented() -> dict[int, str]:
    return {int(code): name for code, name, _meaning in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))}


def test_exit_codes_are_unique() -> None:
    codes = [error.exit_code for error in all_errors()]
    assert sorted(set(codes)) == sorted(codes)


def test_exit_codes_are_documented() -> None:
    assert documented() == {
        0: "",
        **{error.exit_code: error.__name__ for error in all_errors()},
        BROKEN_PIPE_EXIT_CODE: "",
    }


def test_the_document_is_in_order() -> None:
    assert list(documented()) == sorted(documented())


def test_exit_codes_leave_those_of_shells_alone() -> None:
    """126 and above are the shell's: not executable, not found, ended by signal n."""
    assert {error.exit_code for error in all_errors() if error.exit_code >= 126} == {130}


def test_a_message_has_three_parts() -> None:
    error = PipelineError("it broke", cause="a loose screw", action="tighten it")
    assert str(error) == "error: it broke\n  usual cause: a loose screw\n  what to do:  tighten it"


def test_evidence_comes_first() -> None:
    error = PipelineError("it broke", cause="a loose screw", action="tighten it", details="crack\n")
    assert str(error) == "crack\n\nerror: it broke\n  usual cause: a loose screw\n  what to do:  tighten it"
