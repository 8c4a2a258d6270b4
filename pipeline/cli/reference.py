"""``reference``: print the reference of ``releases.toml``, or the schema of a file that the pipeline writes."""

from __future__ import annotations

import click

from pipeline.cli.settings import as_json, common_options, open_session
from pipeline.model.schemas import SCHEMAS
from pipeline.model.spec.reference import reference_markdown
from pipeline.model.spec.tables import Spec


@click.command("reference")
@click.option("--schema", type=click.Choice(sorted(SCHEMAS)), help="JSON schema of a file that is written for others.")
@common_options
def reference(schema: str | None) -> None:
    """Print the reference of releases.toml; with --json its JSON schema."""
    with open_session() as session:
        if schema is None:
            session.result(Spec.model_json_schema(), reference_markdown())
        else:
            made = SCHEMAS[schema]()
            session.result(made, as_json(made))
