"""``sync``: describe versions that upstream has published since, and say why one cannot be built yet."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pipeline.cli.option_values import parse_v8
from pipeline.cli.request import PATCHES_DIR_NAME
from pipeline.cli.settings import common_options, open_session
from pipeline.cli.spec_file import FILE_NAME, load_spec, required_spec
from pipeline.model.build import ToolchainMode
from pipeline.model.sync import NewVersion
from pipeline.orchestrate.releases.lifting_changes import compare_lifting
from pipeline.orchestrate.releases.syncing import Synced, SyncRequest, synchronise
from pipeline.stages.releases.find_versions import DEFAULT_LIMIT

_LIMIT = click.IntRange(1, 100)


@click.command("sync")
@click.option("--runtime", "runtimes", metavar="NAME", multiple=True, help="Only this one; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--check-lifting", is_flag=True, help="Analyse and lift the new versions, and say what is different.")
@click.option("--since", metavar="VERSION", help="Versions after this one (default: after all that are described).")
@click.option("--limit", type=_LIMIT, default=DEFAULT_LIMIT, help=f"The newest so many (default: {DEFAULT_LIMIT}).")
@click.option("--v8", metavar="KIND[:WHERE]", help="Where V8 is looked for: prebuilt[:DIR or URL], source or system.")
@click.option("--toolchain", type=click.Choice(typing.get_args(ToolchainMode)), default="auto", help="As for build.")
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Another releases.toml.")
@common_options
def sync(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Add versions to releases.toml that a registry or a repository has and it does not describe."""
    with open_session() as session:
        request = _request(options)
        compare = compare_lifting if options["check_lifting"] else None
        done = synchronise(request, session.context, compare)
        session.result(_as_json(request, done), "".join(f"{line}\n" for line in _lines(request, done)))


def _request(options: dict[str, Any]) -> SyncRequest:
    here = Path.cwd()
    path = required_spec(options["spec"], start_dir=here)
    return SyncRequest(
        spec=load_spec(path, start_dir=here).spec,
        spec_path=path,
        patches_dir=path.parent / PATCHES_DIR_NAME,
        runtimes=options["runtimes"],
        v8=parse_v8(options["v8"], start_dir=here) if options["v8"] else None,
        since=options["since"],
        limit=options["limit"],
        dry_run=options["dry_run"],
        toolchain=options["toolchain"],
    )


def _lines(request: SyncRequest, done: Synced) -> Iterator[str]:
    for one in done.versions:
        vm = f"{one.vm_crate} {one.vm_version or '?'}"
        state = "can be built" if one.buildable else "not yet"
        yield f"{one.runtime:16} {one.version:12} {vm:20} Rust {one.rust or '?':8} {state}"
        yield from (f"    {reason}" for reason in one.obstacles)
        yield from (f"    note: {remark}" for remark in one.remarks)
        yield from (f"    lifting: {line}" for line in one.lifting or ())
    yield from (f"{name:16} not looked at: {why}" for name, why in done.left_out)
    if done.old_text == done.new_text:
        yield f"{request.spec_path.name} describes everything that is there"
    elif done.written:
        yield f"written: {request.spec_path}"
    else:
        yield f"{request.spec_path.name} would be changed:"
        yield from _diff(done)


def _diff(done: Synced) -> Iterator[str]:
    texts = done.old_text.splitlines(), done.new_text.splitlines()
    return difflib.unified_diff(*texts, FILE_NAME, FILE_NAME, lineterm="", n=1)


def _as_json(request: SyncRequest, done: Synced) -> dict[str, object]:
    return {
        "schema": 1,
        "file": str(request.spec_path),
        "changed": done.old_text != done.new_text,
        "written": done.written,
        "versions": [_version(one) for one in done.versions],
        "left_out": [{"runtime": name, "reason": why} for name, why in done.left_out],
    }


def _version(one: NewVersion) -> dict[str, object]:
    return {**dataclasses.asdict(one), "buildable": one.buildable}
