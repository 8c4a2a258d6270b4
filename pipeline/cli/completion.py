"""``completion``: the script that makes a shell complete verbs, options and values."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from pipeline.model.target import TARGETS

PROGRAM: Final = "snapstitch"
COMPLETE_VARIABLE: Final = "_SNAPSTITCH_COMPLETE"
"""Set by the script when the shell asks; click answers in place of a verb."""
_SCRIPTS: Final[Mapping[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
SHELLS: Final = tuple(_SCRIPTS)


def target_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the targets that begin with what was typed."""
    return [target.name for target in TARGETS if target.name.startswith(incomplete)]


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs, options and their values."""
    script = _SCRIPTS[shell](context.find_root().command, {}, PROGRAM, COMPLETE_VARIABLE).source()
    sys.stdout.write(script)
