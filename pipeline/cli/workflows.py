"""``workflows``: write the workflow files of a hosted service, or see whether they are as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from pipeline import fs
from pipeline.cli.settings import common_options, open_session
from pipeline.cli.spec_file import load_spec, required_spec
from pipeline.errors import StaleFileError
from pipeline.workflows.files import HEADER, workflow_files

WORKFLOWS_DIR = Path(".github/workflows")


@click.command("workflows")
@click.option("--check", is_flag=True, help="Change nothing; fail when a file is not as it should be.")
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Another releases.toml.")
@common_options
def workflows(check: bool, spec: Path | None) -> None:
    """Write .github/workflows/ as releases.toml has it."""
    with open_session() as session:
        file = load_spec(required_spec(spec, start_dir=Path.cwd()), start_dir=Path.cwd())
        directory = file.base_dir / WORKFLOWS_DIR
        stale = stale_files(directory, workflow_files(file.spec))
        if check and stale:
            raise _stale_error(directory, stale)
        write(directory, stale)
        text = "".join(f"{directory / name}: {_done(wanted)}\n" for name, wanted in stale.items())
        session.result({"schema": 1, "directory": str(directory), "changed": sorted(stale)}, text)


def stale_files(directory: Path, wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return the files that are not as *wanted*, and what they should be; None: made by us once, and not wanted now."""
    stale: dict[str, str | None] = {name: text for name, text in wanted.items() if _read(directory / name) != text}
    for path in sorted(directory.glob("*.yml")):
        if path.name not in wanted and (_read(path) or "").startswith(HEADER):
            stale[path.name] = None
    return stale


def write(directory: Path, stale: Mapping[str, str | None]) -> None:
    """Make the files as they should be; those of others stay as they are."""
    fs.make_directory(directory)
    for name, text in stale.items():
        if text is None:
            (directory / name).unlink()
        else:
            fs.write_text(directory / name, text)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _done(text: str | None) -> str:
    return "removed" if text is None else "written"


def _stale_error(directory: Path, stale: Mapping[str, str | None]) -> StaleFileError:
    return StaleFileError(
        f"workflow files are not what releases.toml asks for: {', '.join(sorted(stale))}",
        cause="releases.toml was changed, or a generated file in " + str(directory),
        action="run `nox -s workflows` and commit what it writes",
    )
