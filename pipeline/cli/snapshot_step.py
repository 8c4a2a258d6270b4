"""``snapshot-step``: what the stub of a lifted build script starts; not meant for people."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline import orchestrate
from pipeline.cli.settings import environment


@click.command("snapshot-step", hidden=True)
@click.option("--steps-dir", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.argument("package")
@click.argument("version")
@click.pass_context
def snapshot_step(context: click.Context, steps_dir: Path, package: str, version: str) -> None:
    """Run the generator of a package on the target, with the environment that Cargo gave the stub."""
    answer = orchestrate.snapshot_step(
        steps_dir=steps_dir, package=package, version=version, environ=environment(), workdir=Path.cwd()
    )
    sys.stdout.buffer.write(answer.stdout)
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(answer.stderr)
    sys.stderr.buffer.flush()
    context.exit(answer.exit_code)
