"""``cache``: what is kept between builds, why a snapshot was made again, and how to be rid of it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pipeline.cache.areas import areas, prune_work
from pipeline.cache.store import DEFAULT_LIMIT_BYTES, DIRECTORY_NAME, Kept, SnapshotStore
from pipeline.cache.transfer import export, import_from
from pipeline.cli.request import RequestOptions, make_request, request_options
from pipeline.cli.settings import Session, common_options, open_session
from pipeline.errors import UsageError
from pipeline.model.cached import Lookup
from pipeline.model.events import Where
from pipeline.orchestrate.building.explaining import Explained, explain_lookups
from pipeline.report.wording import quantity

_DAY_S = 24 * 3600
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@click.group("cache")
@common_options
def cache() -> None:
    """Snapshots that were made earlier, and what else the cache directory holds."""


@cache.command("list")
@common_options
def _list() -> None:
    """List what fills the cache directory, and the snapshots that are kept."""
    with open_session() as session:
        with session.reporter.step("looking at the cache", where=Where.NATIVE):
            parts, kept = areas(session.context.cache_dir), _store(session).entries()
        lines = [f"{quantity(area.size_bytes, 'B'):>9}  {area.name:<12} {area.purpose}\n" for area in parts]
        lines += ["\n", *map(_line, kept)] if kept else []
        session.result(
            {
                "schema": 1,
                "areas": [
                    {"name": area.name, "size_bytes": area.size_bytes, "entries": area.entries} for area in parts
                ],
                "snapshots": list(map(_facts, kept)),
            },
            "".join(lines) or "the cache is empty\n",
        )


@cache.command("explain")
@request_options
@common_options
def _explain(options: RequestOptions) -> None:
    """Say for each snapshot of the last build whether it was kept from earlier and, if not, what was different."""
    with open_session() as session:
        found = explain_lookups(make_request(options, start_dir=Path.cwd()), session.context)
        text = "".join(map(_explanation, found)) or "no build of this has looked for snapshots yet\n"
        session.result({"schema": 1, "snapshots": [_explained_json(one) for one in found]}, text)


@cache.command("verify")
@common_options
def _verify() -> None:
    """Check every snapshot that is kept; what is damaged is dropped."""
    with open_session() as session:
        with session.reporter.step("checking the snapshots", where=Where.NATIVE):
            good, dropped = _store(session).verify()
        names = [path.name for path in dropped]
        text = f"{len(good)} whole, {len(names)} damaged and dropped\n" + "".join(f"  {name}\n" for name in names)
        session.result({"schema": 1, "whole": len(good), "dropped": names}, text)


@cache.command("prune")
@click.option("--max-size", metavar="SIZE", help="Of all snapshots, such as 500M (default: 2 GiB).")
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Drop what was not used for so long.")
@click.option("--work", is_flag=True, help="Drop work directories of builds, too; with --older-than.")
@common_options
def _prune(max_size: str | None, older_than: float | None, *, work: bool) -> None:
    """Drop the snapshots, and with --work the work directories, that have not been used for longest."""
    if work and older_than is None:
        raise UsageError(
            "--work says nothing without --older-than",
            cause="all work directories at once are rarely meant",
            action="add --older-than DAYS; 0 for all of them",
        )
    with open_session() as session:
        older_than_s = None if older_than is None else older_than * _DAY_S
        limit_bytes = DEFAULT_LIMIT_BYTES if max_size is None else _bytes(max_size)
        now_s = time.time()
        with session.reporter.step("pruning", where=Where.NATIVE):
            removed = _store(session).prune(limit_bytes, older_than_s=older_than_s, now_s=now_s)
            gone = (
                prune_work(session.context.cache_dir, older_than_s=older_than_s, now_s=now_s)
                if work and older_than_s is not None
                else ()
            )
        text = f"{len(removed)} snapshots and {len(gone)} work directories removed\n"
        session.result(
            {"schema": 1, "snapshots": [kept.digest for kept in removed], "work_directories": list(gone)}, text
        )


@cache.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common_options
def _export(file: Path) -> None:
    """Write all kept snapshots to FILE, a tar file (.tar.zst, .tar.gz, .tar)."""
    with open_session() as session:
        number = export(_store(session), file.absolute())
        session.result({"schema": 1, "file": str(file), "snapshots": number}, f"{number} snapshots in {file}\n")


@cache.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common_options
def _import(file: Path) -> None:
    """Add the snapshots in FILE, as `cache export` writes it. They end up in products: know where it is from."""
    with open_session() as session:
        done = import_from(_store(session), file.absolute())
        for name in done.refused:
            session.reporter.warn(f"{name} in {file} is no whole snapshot, and was left out")
        session.result(
            {"schema": 1, "added": done.added, "known": done.known, "refused": list(done.refused)},
            f"{done.added} snapshots added, {done.known} were there, {len(done.refused)} refused\n",
        )


def _store(session: Session) -> SnapshotStore:
    return SnapshotStore(root=session.context.cache_dir / DIRECTORY_NAME)


def _line(kept: Kept) -> str:
    entry = kept.entry
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.used_s))
    who = f"{entry.result.executor}, {entry.result.duration_s:.1f} s"
    name = f"{entry.key.package} {entry.key.version} for {entry.key.target}"
    return f"{quantity(entry.pack_size_bytes, 'B'):>9}  {kept.digest[:12]} {name}  (made by {who}; used {used})\n"


def _facts(kept: Kept) -> dict[str, object]:
    entry = kept.entry
    return {
        "digest": kept.digest,
        "target": entry.key.target,
        "package": entry.key.package,
        "version": entry.key.version,
        "size_bytes": entry.pack_size_bytes,
        "made_at": entry.made_at,
        "executor": entry.result.executor,
        "duration_s": entry.result.duration_s,
    }


def _explanation(one: Explained) -> str:
    lookup = one.lookup
    title = f"{lookup.key.package} {lookup.key.version} for {lookup.key.target}"
    if lookup.found:
        return f"{title}: kept from earlier ({lookup.found[:12]})\n"
    lines = [f"{title}: made anew, {_why(lookup)}\n", *(f"  {text}\n" for text in lookup.differences)]
    lines += [f"  and not kept: {lookup.not_kept}\n"] if lookup.not_kept else []
    return "".join(lines)


def _why(lookup: Lookup) -> str:
    if lookup.nearest is None:
        return "none was kept for this package and target, or it was not looked for (--fresh-snapshot)"
    return f"the nearest that is kept ({lookup.nearest[:12]}) differs in"


def _explained_json(one: Explained) -> dict[str, object]:
    return {"profile": one.profile, **one.lookup.model_dump(mode="json")}


def _bytes(text: str) -> int:
    number, unit = text.strip().lower().removesuffix("b").removesuffix("i"), ""
    if number and number[-1] in _UNITS:
        number, unit = number[:-1], number[-1]
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(
            f"--max-size {text!r} is not a size", cause="a number with a unit is wanted", action="such as 500M or 2G"
        )
    return int(value * _UNITS[unit])
