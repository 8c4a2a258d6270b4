"""The reference of the command line, from click's own description of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from pipeline.cli.examples import EXAMPLES
from pipeline.cli.main import commands

_INTRODUCTION = """\
# Commands

<!-- Made by `nox -s docs`; a test compares it with the code. -->

`snapstitch VERB …` and `python -m pipeline VERB …` are the same. `nox -s VERB-TARGET -- …` is
`python -m pipeline VERB --target TARGET …` in an environment of nox's. Exit codes are in
[their own list](../exit-codes.md), what `--json` writes is in [records](records.md).
"""


def commands_markdown() -> str:
    """Return the page."""
    shared = {name for parameter in commands.params for name in parameter.opts}
    lines = [_INTRODUCTION, "## Before or after every verb", "", *_options(commands, frozenset()), ""]
    for path, command in _verbs(commands, ()):
        lines += [f"{'#' * (1 + len(path))} {' '.join(path)}", "", *_body(path, command, frozenset(shared)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _verbs(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every verb that people call, with the names that lead to it; a group comes before its own."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _verbs(command, (*path, name))


def _body(path: tuple[str, ...], command: click.Command, shared: frozenset[str]) -> Iterator[str]:
    yield escaped(inspect.cleandoc(command.help or ""))
    if isinstance(command, click.Group):
        return
    yield from ("", "```text", f"snapstitch {' '.join(path)} {_usage(command)}", "```", "")
    yield from _options(command, shared)
    yield from ("", "```sh", *(f"snapstitch {line}" for line in EXAMPLES[" ".join(path)]), "```")


def _usage(command: click.Command) -> str:
    context = click.Context(command, info_name="")
    return " ".join(command.collect_usage_pieces(context))


def _options(command: click.Command, shared: frozenset[str]) -> Iterator[str]:
    context = click.Context(command)
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    own = [option for option in options if not shared & set(option.opts) or "--version" in option.opts]
    records = [record for option in own if (record := option.get_help_record(context))]
    if records:
        yield from ("| option | meaning |", "|---|---|")
    for names, meaning in records:
        # A bar ends a table's cell even in code.
        yield f"| `{names.replace('|', ', ')}` | {escaped(meaning)} |"


def escaped(text: str) -> str:
    """Return text as Markdown that shows it: signs that a table or HTML would swallow are written out."""
    return re.sub(r"(?<!`)<([A-Za-z])", r"&lt;\1", text.replace("|", "&#124;").replace("*", "\\*"))
