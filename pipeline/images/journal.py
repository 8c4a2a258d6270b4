"""What a push did to tags, and what was there before: written before each step, so that another run can go on."""

from __future__ import annotations

from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.errors import RegistryError

SCHEMA = 1
JOURNAL_SUFFIX = ".push.json"
"""Behind the name of the runtime; the file lies beside the first layout."""
_MAX_BYTES = 16 * 1024 * 1024


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class TagMove(_Model):
    """One tag of one repository."""

    repository: str
    tag: str
    immutable: bool
    """It names a version, and never moves."""
    before: str | None
    """Digest that it had, None: it was not there."""
    after: str
    moved: bool = False


class Journal(_Model):
    """A push, tag by tag in the order in which they are moved."""

    schema_version: int = pydantic.Field(default=SCHEMA, alias="schema")
    version: str
    moves: tuple[TagMove, ...]

    @property
    def is_done(self) -> bool:
        """Return whether all tags were moved."""
        return all(move.moved for move in self.moves)

    def plan(self) -> list[tuple[str, str, str]]:
        """Return which tags are to have which digests."""
        return [(move.repository, move.tag, move.after) for move in self.moves]


def read_journal(path: Path) -> Journal | None:
    """Return the journal in the file *path*, None when there is none; raises RegistryError for a damaged one."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            return Journal.model_validate_json(stream.read(_MAX_BYTES))
    except (OSError, pydantic.ValidationError) as error:
        raise RegistryError(
            f"{path} is no journal of a push",
            cause="it was edited, or another version of this program wrote it",
            action="see which tags the registry has; remove the file to begin anew from what is there",
        ) from error


def write_journal(path: Path, journal: Journal) -> None:
    """Replace the journal, whole or not at all."""
    fs.write_text(path, journal.model_dump_json(by_alias=True, indent=2) + "\n")
