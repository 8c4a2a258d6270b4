"""Examples below ``--help``: every verb has some, and each is a command line that the verb understands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli.examples import EXAMPLES
from pipeline.cli.main import commands

LINES = [line for lines in EXAMPLES.values() for line in lines]
SHELL_SIGNS = {">", ">>"}


def verbs(command: click.Command = commands, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every verb that people call, as it is typed."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from verbs(inner, (*path, name))
    elif not command.hidden:
        yield " ".join(path)


def words(line: str) -> list[str]:
    """Return the words that the program gets of a line for a shell."""
    found = shlex.split(line)
    end = next((place for place, word in enumerate(found) if word in SHELL_SIGNS), len(found))
    return found[:end]


def parse(arguments: list[str]) -> None:
    """Read a command line as the program does, verbs of verbs included, and run nothing."""
    command: click.Command = commands
    context = click.Context(commands)
    while isinstance(command, click.Group):
        inner = command.get_command(context, arguments[0])
        assert inner is not None, f"no verb {arguments[0]}"
        arguments, command = arguments[1:], inner
    command.make_context(command.name, list(arguments), parent=context).close()


def test_every_verb_has_examples_and_no_other_has() -> None:
    assert sorted(EXAMPLES) == sorted(verbs())


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for word in words(line):
        if word.startswith(("dist/", "app-", "snapshots.")):
            Path(word).parent.mkdir(exist_ok=True)
            Path(word).touch()
    parse(words(line))


def test_an_unknown_option_would_be_found() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(["build", "--targets", "arm64"])


@pytest.mark.parametrize("path", sorted(EXAMPLES))
def test_the_examples_are_shown_line_by_line(path: str) -> None:
    shown = CliRunner().invoke(commands, [*path.split(), "--help"]).output
    assert all(f"\n    snapstitch {line}\n" in shown for line in EXAMPLES[path]), shown
