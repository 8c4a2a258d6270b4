"""``release``: made from builds, listed, and what is done about those that should not be."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from pipeline.cli.assemble import FOLDER, RELEASES_DIR, apply, apply_arguments, assemble, assemble_options
from pipeline.cli.publish import API_URL, REPOSITORY, file_options, request_from, show
from pipeline.cli.settings import Session, common_options, open_session
from pipeline.github.access import Access, make_access
from pipeline.model.releases.asset import AssetKind
from pipeline.orchestrate.releases import keeping
from pipeline.publication.withdrawal import Listed

_KINDS = sorted(kind.value for kind in AssetKind)
_TAG = click.option("--tag", metavar="TAG", required=True, help="Of the release.")


@click.group("release")
@common_options
def release() -> None:
    """Assemble, list, withdraw and republish releases; remove what was left behind."""


@release.command("assemble")
@assemble_options
@common_options
def _assemble(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Make finished builds a directory that is a release: archives, sums, bills of materials, notes, deltas."""
    assemble(options)


@release.command("apply-delta")
@apply_arguments
@common_options
def _apply_delta(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Make the file NEW from OLD, that of an earlier release, and DELTA."""
    apply(options)


def _verb(name: str, *options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], None]:
    """Make a function a verb of the group, with *options* and those that every verb takes."""

    def add(function: Callable[..., None]) -> None:
        command: Any = function
        for option in reversed((*options, REPOSITORY, API_URL, common_options)):
            command = option(command)
        release.command(name)(command)

    return add


@contextlib.contextmanager
def _opened(repository: str | None, api_url: str | None) -> Iterator[tuple[Session, Access]]:
    with open_session() as session:
        yield session, make_access(repository, api_url, session.context.environ)


@_verb("list")
def _list(repository: str | None, api_url: str | None) -> None:
    """List the releases that were published here, withdrawn ones and drafts among them."""
    with _opened(repository, api_url) as (session, access):
        found = keeping.list_releases(access, session.context)
        text = "".join(f"{one.state:10}{one.assets:>4} files {one.size_bytes:>15,} bytes  {one.tag}\n" for one in found)
        session.result({"schema": 1, "releases": [dataclasses.asdict(one) for one in found]}, text)


@_verb(
    "fetch",
    click.option("--tag", "tags", metavar="TAG", required=True, multiple=True, help="Of the release; repeatable."),
    click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Only such files."),
    click.option("--out", type=FOLDER, metavar="DIR", default=RELEASES_DIR, help="Gets DIR/TAG (default: release)."),
)
def _fetch(
    tags: tuple[str, ...], kinds: tuple[str, ...], out: Path, repository: str | None, api_url: str | None
) -> None:
    """Fetch published releases, such as to make deltas from them (--kind tar)."""
    with _opened(repository, api_url) as (session, access):
        order = keeping.FetchOrder(tags=tags, out_dir=Path.cwd() / out, kinds=frozenset(map(AssetKind, kinds)))
        found = keeping.fetch_releases(access, order, session.context)
        value = [{"tag": one.manifest.tag, "directory": str(one.directory), "files": list(one.files)} for one in found]
        session.result({"schema": 1, "releases": value}, "".join(f"{one.directory}\n" for one in found))


@_verb("withdraw", _TAG, click.option("--reason", default="", metavar="TEXT", help="Said in the release's text."))
def _withdraw(tag: str, reason: str, repository: str | None, api_url: str | None) -> None:
    """Take a release back: it becomes a draft; an immutable one gets a notice."""
    with _opened(repository, api_url) as (session, access):
        _show_one(session, keeping.withdraw_release(access, tag, reason, session.context))


@_verb("republish", _TAG, file_options)
def _republish(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Publish files again under the next revision of a tag, such as v1.2.3-r2; the tag is made."""
    with open_session() as session:
        show(session, keeping.republish(request_from(options, session), session.context))


@_verb("prune")
def _prune(repository: str | None, api_url: str | None) -> None:
    """Delete drafts of ours that nobody is at work on; withdrawn releases stay."""
    with _opened(repository, api_url) as (session, access):
        removed = keeping.prune_drafts(access, session.context)
        session.result({"schema": 1, "removed": list(removed)}, "".join(f"removed {tag}\n" for tag in removed))


@_verb("unlock", _TAG)
def _unlock(tag: str, repository: str | None, api_url: str | None) -> None:
    """Remove the lock of a tag whose publisher cannot be alive."""
    with _opened(repository, api_url) as (session, access):
        holder = keeping.unlock(access, tag, session.context)
        session.result({"schema": 1, "tag": tag, "was_held_by": holder}, f"removed: {holder or 'there was no lock'}\n")


def _show_one(session: Session, one: Listed) -> None:
    session.result({"schema": 1, **dataclasses.asdict(one)}, f"{one.tag}: {one.state}, {one.url}\n")
