"""``stitch``: build the product with snapshots that were made on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import orchestrate
from pipeline.cli.build import require_target, show_outcomes
from pipeline.cli.request import SNAPSHOT_FILES, RequestOptions, make_request, only_snapshot, request_options
from pipeline.cli.settings import common_options, open_session


@click.command("stitch")
@click.option(
    "--snapshot", required=True, multiple=True, callback=only_snapshot, type=SNAPSHOT_FILES, metavar="FILE",
    help="What `snapshot`, or `run` of a bundle, has made.",
)  # fmt: skip
@request_options
@common_options
def stitch(options: RequestOptions, snapshot: Path) -> None:
    """Build a runtime for one target with snapshots that were made elsewhere."""
    with open_session() as session:
        require_target(options)
        start_dir = Path.cwd()
        request = make_request(options, start_dir=start_dir)
        show_outcomes(session, orchestrate.stitch(request, session.context, snapshot=snapshot.resolve()), start_dir)
