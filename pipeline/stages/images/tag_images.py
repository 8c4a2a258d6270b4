"""Move tags to images that are in their repositories already: versions first, which never move, then the others.

A registry has no way to move a tag only if it is still where it was. So each tag is read right before it is moved, and
one that is neither where it was at the beginning nor where it is to be means another publisher.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import RegistryError
from pipeline.images.journal import Journal, TagMove, read_journal, write_journal
from pipeline.model.images.reference import Repository
from pipeline.oci_registry.client import Manifest, Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class WantedTag:
    """A tag, and the image that it is to name."""

    repository: Repository
    tag: str
    image: Manifest
    immutable: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagInputs:
    """All tags of a version, and where they were when the push began."""

    version: str
    wanted: tuple[WantedTag, ...]
    before: Mapping[tuple[str, str], str | None]
    """Digest of each tag by repository and tag."""
    journal_path: Path


def run(inputs: TagInputs, context: Context) -> Journal:
    """Move every tag, or go on where an earlier run ended; raises RegistryError, NetworkError."""
    journal = _begun(inputs)
    images = {wanted.image.digest: wanted.image for wanted in inputs.wanted}
    places = {str(wanted.repository): wanted.repository for wanted in inputs.wanted}
    with context.reporter.step("move tags") as step:
        for number, move in enumerate(journal.moves):
            with Registry(places[move.repository], context.environ) as registry:
                path = places[move.repository].path
                now = digest_of_tag(registry, path, move.tag)
                if now != move.after:
                    if now != move.before:
                        raise _another(move, now)
                    registry.put_manifest(path, move.tag, images[move.after])
            moved = move.model_copy(update={"moved": True})
            journal = journal.model_copy(
                update={"moves": (*journal.moves[:number], moved, *journal.moves[number + 1 :])}
            )
            write_journal(inputs.journal_path, journal)
        _check_all(journal, places, context)
        step.detail(f"{len(journal.moves)} tags")
    return journal


def digest_of_tag(registry: Registry, path: str, tag: str) -> str | None:
    """Return the digest of what has the tag, None when nothing has it."""
    found = registry.manifest(path, tag)
    return found.digest if found else None


def _begun(inputs: TagInputs) -> Journal:
    """Return the journal of an earlier run that wanted the same, else a new one."""
    ordered = sorted(inputs.wanted, key=lambda wanted: not wanted.immutable)
    moves = tuple(
        TagMove(
            repository=str(wanted.repository), tag=wanted.tag, immutable=wanted.immutable, after=wanted.image.digest,
            before=inputs.before[str(wanted.repository), wanted.tag],
        )
        for wanted in ordered
    )  # fmt: skip
    journal = Journal(version=inputs.version, moves=moves)
    earlier = read_journal(inputs.journal_path)
    if earlier and not earlier.is_done and earlier.plan() == journal.plan():
        return earlier
    write_journal(inputs.journal_path, journal)
    return journal


def _check_all(journal: Journal, places: Mapping[str, Repository], context: Context) -> None:
    """See that the tags are where they were moved to: somebody may have moved them at the same time."""
    for name, moves in _by_repository(journal.moves).items():
        with Registry(places[name], context.environ) as registry:
            for move in moves:
                now = digest_of_tag(registry, places[name].path, move.tag)
                if now != move.after:
                    raise _another(move, now)


def _by_repository(moves: Iterable[TagMove]) -> dict[str, list[TagMove]]:
    found: dict[str, list[TagMove]] = {}
    for move in moves:
        found.setdefault(move.repository, []).append(move)
    return found


def _another(move: TagMove, now: str | None) -> RegistryError:
    return RegistryError(
        f"somebody else publishes to {move.repository}: its tag {move.tag} is at {now or 'nothing'} now",
        cause=f"it was at {move.before or 'nothing'} when this push began, and is to be at {move.after}",
        action="find out who it is, and let one of the two end; run the same command again to go on from what is there",
    )
