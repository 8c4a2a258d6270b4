"""Every generated file of the documentation, and what it must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from docs.generate.blocks import documentation_markdown
from docs.generate.commands import commands_markdown, escaped
from docs.generate.jobs import jobs_picture
from docs.generate.modules import Room, read_rooms
from docs.generate.picture import picture
from docs.generate.records import records_markdown
from pipeline.model.schemas import SCHEMAS
from pipeline.model.spec.reference import reference_markdown

DOCS: Final = Path(__file__).parents[1]
ROOMS_BEGIN: Final = "<!-- rooms: made by `nox -s docs` -->\n"
ROOMS_END: Final = "<!-- /rooms -->\n"


def generated() -> Mapping[Path, str]:
    """Return the text of every generated file, by its path."""
    rooms = read_rooms()
    architecture = DOCS / "architecture.md"
    return {
        DOCS / "reference/commands.md": commands_markdown(),
        DOCS / "reference/records.md": records_markdown(),
        DOCS / "reference/documentation.md": documentation_markdown(),
        DOCS / "releases-toml.md": reference_markdown(),
        DOCS / "assets/rooms.svg": picture(rooms),
        DOCS / "assets/jobs.svg": jobs_picture(),
        architecture: with_rooms(architecture.read_text(encoding="utf-8"), rooms),
        **{DOCS / f"schema/{name}.json": _json(name) for name in SCHEMAS},
    }


def with_rooms(page: str, rooms: tuple[Room, ...]) -> str:
    """Return a page with the table of rooms between its two marks."""
    table = "\n".join(_table(rooms)) + "\n"
    pattern = re.escape(ROOMS_BEGIN) + ".*?" + re.escape(ROOMS_END)
    made, count = re.subn(pattern, lambda _match: f"{ROOMS_BEGIN}\n{table}\n{ROOMS_END}", page, flags=re.DOTALL)
    if count != 1:
        message = f"the page has {count} places for the rooms instead of one"
        raise ValueError(message)
    return made


def _table(rooms: tuple[Room, ...]) -> Iterator[str]:
    yield from ("| room | what it is | uses |", "|---|---|---|")
    for room in rooms:
        uses = ", ".join(sorted(room.uses))
        yield f"| `{room.name}` | {_prose(room.summary)} | {uses} |"
        yield from (f"| `{room.name}/{name}` | {_prose(summary)} | |" for name, summary in room.inner)


def _prose(docstring: str) -> str:
    return escaped(docstring.replace("``", "`"))


def _json(name: str) -> str:
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"
