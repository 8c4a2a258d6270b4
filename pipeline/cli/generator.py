"""``generator``: compile the programs that make snapshots, and pack them for a machine of the target."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline import orchestrate
from pipeline.cli.build import require_target
from pipeline.cli.request import RequestOptions, make_request, request_options
from pipeline.cli.settings import common_options, open_session


@click.command("generator")
@request_options
@common_options
def generator(options: RequestOptions) -> None:
    """Compile the snapshot generators and pack them; --out may name the bundle itself."""
    with open_session() as session:
        require_target(options)
        request = make_request(options, start_dir=Path.cwd())
        made = orchestrate.export_generators(request, session.context)
        bundles = [
            {"path": str(item.path), "size_bytes": item.size_bytes, "sha256": item.sha256, "files": item.files}
            for item in made
        ]
        text = "".join(f"{item.path}  {item.size_bytes:,} bytes\n" for item in made)
        session.result({"schema": 1, "bundles": bundles}, text)
