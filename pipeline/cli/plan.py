"""``plan``: print what a build would do, and do nothing."""

from __future__ import annotations

import platform
from pathlib import Path

import click

from pipeline.cli.request import RequestOptions, make_request, request_options
from pipeline.cli.settings import Session, common_options, open_session
from pipeline.model import units
from pipeline.model.build import BuildRequest
from pipeline.model.plan import as_json, as_text, make_plan
from pipeline.model.target import target_of_machine
from pipeline.sources.patches import planned_patches


@click.command("plan")
@click.option(
    "--units", "with_units", is_flag=True,
    help="Ask Cargo how much would be compiled, beside a plain native build; fetches sources and tools.",
)  # fmt: skip
@request_options
@common_options
def plan(options: RequestOptions, *, with_units: bool) -> None:
    """Print what a build would do."""
    with open_session() as session:
        request = make_request(options, start_dir=Path.cwd())
        planned = make_plan(
            request, build_machine=target_of_machine(platform.machine()), patches=planned_patches(request)
        )
        tables = _count(request, session) if with_units else ()
        text = "\n".join([as_text(planned), *map(units.as_text, tables)])
        counted = {"units": [units.as_json(table) for table in tables]} if with_units else {}
        session.result(as_json(planned) | counted, text)


def _count(request: BuildRequest, session: Session) -> tuple[units.UnitTable, ...]:
    from pipeline import orchestrate  # noqa: PLC0415 - an ordinary plan needs none of it

    return orchestrate.count_units(request, session.context)
