"""``plan``: print what a build would do, and do nothing."""

from __future__ import annotations

import platform
from pathlib import Path

import click

from pipeline.cli.request import RequestOptions, make_request, request_options
from pipeline.cli.settings import common_options, open_session
from pipeline.model.plan import as_json, as_text, make_plan
from pipeline.model.target import target_of_machine
from pipeline.patches import planned_patches


@click.command("plan")
@request_options
@common_options
def plan(options: RequestOptions) -> None:
    """Print what a build would do."""
    with open_session() as session:
        request = make_request(options, start_dir=Path.cwd())
        planned = make_plan(
            request, build_machine=target_of_machine(platform.machine()), patches=planned_patches(request)
        )
        session.result(as_json(planned), as_text(planned))
