"""A program under a pseudo-terminal, and the screen that it leaves as SVG."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import io
import itertools
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS: Final = 80
_ROWS: Final = 200
"""More than any program here prints: nothing scrolls away."""
_COLORS: Final = {"default": None, "brown": "yellow", "brightbrown": "bright_yellow"}
_FONT: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """What a program left on the screen."""

    exit_code: int
    lines: tuple[Text, ...]

    @property
    def plain(self) -> str:
        return "\n".join(line.plain for line in self.lines)


def take(argv: tuple[str, ...], *, cwd: Path, env: Mapping[str, str]) -> Shot:
    """Run a program on a terminal of 80 columns and read what it shows at the end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=its, stderr=its)
    os.close(its)
    screen = pyte.Screen(COLUMNS, _ROWS)
    stream = pyte.ByteStream(screen)
    with contextlib.suppress(OSError):  # EIO: the program has closed its end
        while data := os.read(ours, 65536):
            stream.feed(data)
    os.close(ours)
    return Shot(exit_code=process.wait(), lines=_lines(screen))


def _lines(screen: pyte.Screen) -> tuple[Text, ...]:
    lines = [_line(screen, row) for row in range(_ROWS)]
    used = max((row for row, line in enumerate(lines) if line.plain), default=-1)
    return tuple(lines[: used + 1])


def _line(screen: pyte.Screen, row: int) -> Text:
    line = Text()
    for style, cells in itertools.groupby((screen.buffer[row][column] for column in range(COLUMNS)), _style):
        line.append("".join(cell.data for cell in cells), style)
    line.rstrip()
    return line


def _style(cell: pyte.screens.Char) -> Style:
    color = _COLORS.get(cell.fg, cell.fg)
    if color and re.fullmatch("[0-9a-f]{6}", color):
        color = f"#{color}"
    elif color:
        color = re.sub("^bright(?=[a-z])", "bright_", color)
    return Style(color=color, bold=cell.bold or None, italic=cell.italics or None)


def draw(title: str, command: str, shot: Shot) -> str:
    """Return the picture: the command as it was typed, and what followed. It loads no font from anywhere."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    for line in shot.lines:
        console.print(line, no_wrap=True, overflow="crop")
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=re.sub(r"\W", "", title))
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", _FONT)
    described = f'<svg role="img" aria-label="{title}" '
    return "\n".join(line.rstrip() for line in svg.replace("<svg ", described, 1).splitlines() if line.strip()) + "\n"
