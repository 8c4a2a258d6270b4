"""``reference``: print the reference of ``releases.toml``."""

from __future__ import annotations

import click

from pipeline.cli.settings import common_options, open_session
from pipeline.model.spec import Spec
from pipeline.model.spec_reference import reference_markdown


@click.command("reference")
@common_options
def reference() -> None:
    """Print the reference of releases.toml; with --json its JSON schema."""
    with open_session() as session:
        session.result(Spec.model_json_schema(), reference_markdown())
