"""``build``: makes products, then says what was made and what the checks found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline import orchestrate
from pipeline.cli.request import RequestOptions, make_requests, request_options
from pipeline.cli.settings import ResultError, Session, common_options, open_session
from pipeline.cli.verdict import verification_error
from pipeline.errors import UsageError
from pipeline.model.build import BuildOutcome
from pipeline.model.target import TARGETS
from pipeline.report.summary import build_tables, outcomes_json


@click.command("build")
@request_options
@click.option("--fresh-snapshot", is_flag=True, help="Run every generator, whatever was made earlier.")
@common_options
def build(options: RequestOptions, *, fresh_snapshot: bool) -> None:
    """Build one or more runtimes for one or more targets."""
    with open_session() as session:
        require_target(options)
        start_dir = Path.cwd()
        requests = [
            dataclasses.replace(request, fresh_snapshot=fresh_snapshot)
            for request in make_requests(options, start_dir=start_dir)
        ]
        show_outcomes(session, orchestrate.build(requests, session.context), start_dir)


def show_outcomes(session: Session, outcomes: Sequence[BuildOutcome], start_dir: Path) -> None:
    """Say what was made and what the checks found.

    Raises ResultError when a check failed.
    """
    session.reporter.show(build_tables(outcomes, start_dir=start_dir))
    result = outcomes_json(outcomes)
    error = verification_error(
        tuple(finding for outcome in outcomes for finding in outcome.findings), listed=session.lists
    )
    if error is not None:
        raise ResultError(error, result)
    session.result(result)


def require_target(options: RequestOptions) -> None:
    """All targets at once take long: that has to be meant."""
    if not options.target:
        raise UsageError(
            "for which target?",
            cause="the command was called without --target",
            action=f"add --target NAME, once or more: {', '.join(target.name for target in TARGETS)}",
        )
