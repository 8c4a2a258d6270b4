"""Every fault at every step: a run ends whole, or with nothing public and whole when it is run again.

docs/publish.md shows the table; what is measured here is what it says.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.publication.marker import Marker, marked
from tests.unit.github.publishing import publish
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.test_killed import anew
from tests.unit.github.test_publish import LOCK, holder_of, is_whole
from tests.unit.github.world import TAG

DOCUMENT = Path(__file__).parents[3] / "docs" / "publish.md"
COLUMNS = (
    "502", "done-502", "cut", "done-cut", "half", "half-502", "secondary", "primary", "flipped", "forbidden", "502!",
)  # fmt: skip
"""The faults; ``502!`` never ends."""
STEPS = (
    "repository", "get-ref", "get-commit", "create-commit", "create-ref", "update-ref", "release-by-tag",
    "list-releases", "generate-notes", "create-release", "list-assets", "delete-asset", "upload-asset", "get-asset",
    "stored-file", "edit-release", "public-file", "delete-release", "delete-ref",
)  # fmt: skip
WORN = frozenset({"update-ref", "delete-asset", "delete-release"})
"""Steps of a run that finds the leavings of dead ones."""
WHOLE, AGAIN, NOT_MEANT = "whole", "again", "-"


def wear(github: StandIn) -> None:
    """Leave what dead publishers leave: a lock, two drafts of ours, and a broken upload in the first."""
    holder_of(github, process_started="1")
    for nonce in ("a", "b"):
        body = marked("Notes.", Marker(tag=TAG, nonce=nonce))
        github.world.create_release({"tag_name": TAG, "draft": True, "body": body})
    first = github.world.releases[0]
    github.world.add_asset(first.id, "app-1.2.3-linux-arm64.zip", state="starter", path=None)


def publisher_ends(github: StandIn) -> None:
    """Let whoever holds the lock be dead: the publisher of these tests is this process, which lives on."""
    if LOCK in github.world.refs:
        sha = github.world.refs[LOCK]
        known = github.world.commits[sha]
        message = re.sub(r'"process_started":"\d+"', '"process_started":"1"', known.message)
        github.world.commits[sha] = dataclasses.replace(known, message=message)


def ending(github: StandIn, files_dir: Path, step: str, kind: str) -> str:
    """Return how a run ends that meets the fault, after checking that it ends well."""
    anew(github)
    if step in WORN:
        wear(github)
    github.schedule(Fault(kind.removesuffix("!"), step, always=kind.endswith("!")))
    notes = None if step == "generate-notes" else "Notes."
    result = WHOLE
    try:
        publish(github.url, files_dir, notes=notes)
    except PipelineError:
        result = AGAIN
        public = [release for release in github.world.releases if not release.draft]
        assert [len(release.assets) for release in public] in ([], [3])
    assert github.seen[step] > 0
    github.schedule()
    publisher_ends(github)
    if result == AGAIN or step == "delete-ref":
        publish(github.url, files_dir)
    is_whole(github, files_dir)
    return result


def is_meant(step: str, kind: str) -> bool:
    """Return whether the fault can happen at the step."""
    if kind.startswith("half"):
        return step == "upload-asset"
    if step in {"stored-file", "public-file"} and kind in {"secondary", "primary", "done-502", "done-cut"}:
        return False
    return kind != "flipped" or step == "stored-file"


def documented() -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| `([a-z-]+)` \|(.+)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {step: tuple(cell.strip() for cell in cells.split("|")) for step, cells in rows if step in STEPS}


def test_the_table_has_every_step() -> None:
    assert tuple(documented()) == STEPS


@pytest.mark.parametrize("step", STEPS)
def test_faults_at(step: str, github: StandIn, files_dir: Path) -> None:
    row = tuple(ending(github, files_dir, step, kind) if is_meant(step, kind) else NOT_MEANT for kind in COLUMNS)
    assert f"| `{step}` | {' | '.join(row)} |" == f"| `{step}` | {' | '.join(documented().get(step, ()))} |"
