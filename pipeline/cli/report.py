"""``report``: the page about a build, from its record."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import record
from pipeline.cli.settings import common_options, open_session
from pipeline.orchestrate import write_page


@click.command("report")
@click.argument("records", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="BUILD-INFO...")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The page (default: beside the record, named like it).")  # fmt: skip
@common_options
def report(records: tuple[Path, ...], out: Path | None) -> None:
    """Write the HTML page about builds, from their records; it needs no network to be read."""
    with open_session() as session:
        if out is not None and len(records) > 1:
            raise click.UsageError("--out names one page, and there are several records")
        pages = [write_page(record.read(path), path, out) for path in records]
        session.result({"schema": 1, "pages": [str(page) for page in pages]}, "".join(f"{page}\n" for page in pages))
