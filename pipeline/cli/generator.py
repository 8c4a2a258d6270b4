"""``generator``: compile the programs that make snapshots, and pack them for a machine of the target."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pipeline import orchestrate
from pipeline.cli.build import require_target
from pipeline.cli.request import SNAPSHOT_FILES, RequestOptions, make_request, only_snapshot, request_options
from pipeline.cli.settings import common_options, open_session
from pipeline.model.bundle import SNAPSHOT_SUFFIX
from pipeline.stages.handoff.export_generator import ExportOutputs


@click.command("generator")
@click.option(
    "--snapshot", multiple=True, callback=only_snapshot, type=SNAPSHOT_FILES, metavar="FILE",
    help="What an earlier bundle made, for generators that are made on top of it.",
)  # fmt: skip
@request_options
@common_options
def generator(options: RequestOptions, snapshot: Path | None) -> None:
    """Compile the snapshot generators and pack them; --out may name the bundle itself."""
    with open_session() as session:
        require_target(options)
        request = make_request(options, start_dir=Path.cwd())
        made = orchestrate.export_generators(
            request, session.context, snapshot=snapshot.resolve() if snapshot else None
        )
        session.result({"schema": 1, "bundles": [_as_json(item) for item in made]}, "".join(map(as_text, made)))


def as_text(made: ExportOutputs) -> str:
    """Return what was made and what is to be done with it."""
    request = made.request
    now = ", ".join(step.name for step in request.steps if step.name not in request.made)
    stem = made.path.name.partition(".")[0]
    bundle, snapshot = shlex.quote(str(made.path)), shlex.quote(f"{stem}{SNAPSHOT_SUFFIX}")
    lines = [
        f"{made.path}  {made.size_bytes:,} bytes: {now}",
        f"next, where {request.identity.target} programs run: `python -m pipeline snapshot {bundle}`,",
        "or `./run` in the unpacked bundle",
    ]
    if request.pending:
        lines.append(f"only then can {', '.join(request.pending)} be compiled, which is made on top of that:")
    verb = "generator" if request.pending else "stitch"
    lines.append(f"then, here, with the options of this command: `python -m pipeline {verb} --snapshot {snapshot} …`")
    return "".join(f"{line}\n" for line in lines)


def _as_json(made: ExportOutputs) -> dict[str, object]:
    request = made.request
    return {
        "path": str(made.path), "size_bytes": made.size_bytes, "sha256": made.sha256, "files": made.files,
        "round": request.round, "steps": [step.name for step in request.steps if step.name not in request.made],
        "made": list(request.made), "pending": list(request.pending),
    }  # fmt: skip
