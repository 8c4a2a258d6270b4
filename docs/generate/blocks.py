"""Fenced blocks of the documentation's pages: which are run by a test, and why others are not.

A comment right before a block is its mark:

    <!-- run -->                 a test runs it
    <!-- run: exit 21 -->        the same, and its last command ends with that code
    <!-- like -->                what the block before it printed; … stands for anything, and lines may be left out
    <!-- not run: REASON -->     a test only reads its commands
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[1]
_MARK: Final = re.compile(r"<!-- (run|like|not run)(?:: (.+))? -->")
_EXIT: Final = re.compile(r"exit (\d+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of its first line, from 1."""
    language: str
    text: str
    mark: str
    """``run``, ``like``, ``not run``, or nothing."""
    detail: str
    """What stands behind the mark: a reason or an exit code."""

    @property
    def place(self) -> str:
        """Return where it is, as editors understand it."""
        return f"{self.page.relative_to(DOCS.parent)}:{self.line}"

    @property
    def exit_code(self) -> int:
        """Return how the block is to end."""
        found = _EXIT.fullmatch(self.detail)
        return int(found[1]) if found else 0

    def commands(self) -> tuple[str, ...]:
        """Return its lines for a shell, continued ones joined, documents for other programs and comments left out."""
        text = re.sub(r"<<'(\w+)'\n.*?\n\1\n", "\n", self.text, flags=re.DOTALL).replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
        return tuple(line for line in lines if line)


def pages() -> tuple[Path, ...]:
    """Return the pages whose blocks are run, in the order in which people read them."""
    folders = ("howto", "explanation")
    return (
        DOCS / "index.md",
        DOCS / "tutorial.md",
        *(p for name in folders for p in sorted((DOCS / name).glob("*.md"))),
    )


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield every fenced block of *page*."""
    before = ""
    opened: tuple[int, str, str] | None = None
    inner: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if opened is None and line.startswith("```"):
            opened, inner = (number + 1, line[3:].strip(), before), []
        elif opened is not None and line == "```":
            yield _block(page, opened, inner)
            opened = None
        elif opened is not None:
            inner.append(line)
        before = line


def _block(page: Path, opened: tuple[int, str, str], inner: list[str]) -> Block:
    line, language, before = opened
    mark = _MARK.fullmatch(before)
    kind, detail = (mark[1], mark[2] or "") if mark else ("", "")
    text = "".join(f"{one}\n" for one in inner)
    return Block(page=page, line=line, language=language, text=text, mark=kind, detail=detail)


def missing_lines(wanted: str, printed: str) -> list[str]:
    """Return the lines of a ``like`` block that do not come, in their order, in what was printed."""
    left = [" ".join(line.split()) for line in printed.splitlines()]
    missing = []
    for line in filter(None, (" ".join(line.split()) for line in wanted.splitlines())):
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        place = next((number for number, one in enumerate(left) if pattern.fullmatch(one)), None)
        if line == "…":
            continue
        if place is None:
            missing.append(line)
        else:
            left = left[place + 1 :]
    return missing


def documentation_markdown() -> str:
    """Return the page that says how the documentation is tested, with the list of what is not run."""
    rows = [
        f"| [{block.page.stem}]({_from_reference(block.page)}) | `{block.commands()[0]}` | {block.detail} |"
        for page in pages()
        for block in read_blocks(page)
        if block.mark == "not run"
    ]
    return _INTRODUCTION + "\n".join(["| page | begins with | why |", "|---|---|---|", *rows]) + "\n"


def _from_reference(page: Path) -> str:
    return f"../{page.relative_to(DOCS).as_posix()}"


_INTRODUCTION: Final = """\
# How this documentation is tested

<!-- Made by `nox -s docs`; a test compares it with the pages. -->

`nox -s docs` writes the pages that are made from the code and builds the site, warnings as errors. Tests fail when a
generated page is stale, when a link leads nowhere, and when a command on these pages does not do what it says.

Every block for a shell in the tutorial, the how-tos and the explanations has a mark, a comment on the line before it:

| mark | meaning |
|---|---|
| `<!-- run -->` | `tests/integration/test_docs.py` runs it, in a directory with what a checkout has |
| `<!-- run: exit 21 -->` | the same, and it must end with that exit code |
| `<!-- like -->` | what the block above printed; `…` is anything, other lines may be between |
| `<!-- not run: REASON -->` | not for a test; its `snapstitch` commands are still read as command lines |

## What is not run, and why

"""
