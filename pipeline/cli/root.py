"""``root``: a root of another architecture that an ordinary user may enter, with native compilers inside."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline import fs
from pipeline.cli.settings import as_json, common_options, open_session
from pipeline.errors import UsageError
from pipeline.model.root import DEFAULT_PACKAGES, EntryWay, RootRequest
from pipeline.model.target import find_target
from pipeline.rootfs import enter
from pipeline.rootfs.compare import compare_compilers
from pipeline.rootfs.order import Bind
from pipeline.rootfs.ran import Ran, read_accounts, table
from pipeline.rootfs.store import destroy, ensure_exported, ensure_root, list_roots
from pipeline.rootfs.use import RunOptions, prepared, shell_of
from pipeline.stages import export_root

_TARGET = click.option("-t", "--target", metavar="NAME", required=True, help="Architecture of the root, such as arm64.")
_ROOT = (
    _TARGET,
    click.option("--suite", metavar="NAME", help="Release of the distribution; default: this machine's."),
    click.option("--package", "packages", multiple=True, metavar="NAME", help="Further package; repeatable."),
    click.option("--rootfs", type=click.Path(path_type=Path), metavar="FILE", help="A root in a tar file instead."),
    click.option("--minimal", is_flag=True, help="Without build-essential and ca-certificates."),
    click.option(
        "--entry", type=click.Choice(("auto", *typing.get_args(EntryWay))), default="auto", help="How it is entered."
    ),
    click.option("--native-perl", is_flag=True, help="Perl, too, is native: see docs/emulated-root.md."),
    click.option("--native-python", is_flag=True, help="Python, too, is native: see docs/emulated-root.md."),
    click.option("--no-native", is_flag=True, help="Everything emulated, compilers too."),
)
_RUN = (
    click.option(
        "--project", type=click.Path(path_type=Path), metavar="DIR", help="Seen at its own path; default: here."
    ),
    click.option("--no-project", is_flag=True, help="No directory of this machine is seen."),
    click.option("--mount", "mounts", multiple=True, metavar="DIR[:INSIDE[:ro]]", help="Seen in the root; repeatable."),
    click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="Set in the root; repeatable."),
    click.option("--keep", metavar="NAME", help="Keep changes of the root under this name, and go on with them."),
    click.option("--no-network", is_flag=True, help="Only the loopback interface."),
    click.option("--report", is_flag=True, help="Say what ran native, what ran emulated, and how long."),
    click.option(
        "--report-file", type=click.Path(path_type=Path), metavar="FILE", help="The same as JSON, into a file."
    ),
)
Options = dict[str, Any]


@click.group("root")
@common_options
def root() -> None:
    """Make and enter roots of other architectures; compilers in them run at this machine's speed."""


def _verb(name: str, *options: Callable[[Any], Any], **settings: Any) -> Callable[[Callable[..., None]], None]:  # noqa: ANN401 - click's own
    """Make a function a verb of the group, with *options* and those that every verb takes."""

    def add(function: Callable[..., None]) -> None:
        command: Any = function
        for option in reversed((*options, common_options)):
            command = option(command)
        root.command(name, **settings)(command)

    return add


@_verb("create", *_ROOT)
def _create(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Make a root unless it is there."""
    with open_session() as session:
        made = ensure_root(_request(options), session.context)
        session.result({"schema": 1, "digest": made.digest, "directory": str(made.directory)}, f"{made.directory}\n")


@_verb("compare", *_ROOT)
def _compare(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Compare native compilers with the root's own: versions, macros and default options."""
    with open_session() as session:
        found = compare_compilers(ensure_root(_request(options), session.context), session.context)
        told = [f"{one.command}\n" + "".join(f"    {line}\n" for line in one.lines) for one in found]
        records = [dataclasses.asdict(one) for one in found]
        session.result({"schema": 1, "differences": records}, "".join(told) or "no difference\n")


@_verb("list")
def _list() -> None:
    """List the roots that are there."""
    with open_session() as session:
        found = list(list_roots(session.context))
        lines = [f"{r.target:9}{r.suite or r.archive or '':12}{len(r.packages):>5} packages  {p}\n" for p, r in found]
        records = [{"directory": str(p), **r.model_dump(mode="json")} for p, r in found]
        session.result({"schema": 1, "roots": records}, "".join(lines))


@_verb("destroy", _TARGET)
def _destroy(target: str) -> None:
    """Remove all roots of a target, their native tools, and changes that runs kept."""
    with open_session() as session:
        gone = destroy(find_target(target), session.context)
        session.result({"schema": 1, "removed": [str(path) for path in gone]}, "".join(f"removed {p}\n" for p in gone))


@_verb(
    "export", *_ROOT,
    click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PLACE",
                 help="A .tar, .tar.gz or .tar.zst; or a directory, for an OCI layout."),
)  # fmt: skip
def _export(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Write a root as an image that an unprivileged container can run."""
    out = _new_place(options["out"])
    with open_session() as session:
        exported = ensure_exported(_request(options), session.context)
        digest = export_root.run(export_root.ExportInputs(exported=exported, destination=out), session.context)
        session.result({"schema": 1, "path": str(out), "digest": digest}, f"{out}\n")


def _new_place(out: Path) -> Path:
    if out.exists() and ".tar" not in out.suffixes:
        raise UsageError(
            f"{out} is there already",
            cause="an OCI layout is written into a new directory",
            action="name another directory, or a file (.tar, .tar.gz, .tar.zst)",
        )
    return out.absolute()


@_verb(
    "run", *_ROOT, *_RUN,
    click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD [ARGS]…"),
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)  # fmt: skip
def _run(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Run a program in a root, made first where it is absent; its exit code is ours."""
    _enter(options, options["argv"])


@_verb("shell", *_ROOT, *_RUN)
def _shell(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Start a shell in a root, made first where it is absent."""
    _enter(options, ())


def _enter(options: Options, argv: tuple[str, ...]) -> None:
    """Run a program in a root, or its shell."""
    with open_session() as session:
        request, asked = _request(options), _run_options(options, argv)
        made = ensure_root(request, session.context)
        if not argv:
            asked = dataclasses.replace(asked, argv=(shell_of(made.rootfs), "-i"))
        with prepared(made, asked, session.context) as (order, directory):
            session.reporter.close()  # the screen is the program's now
            code = enter.run_shown(order, directory, session.context)
            if order.accounts:
                emulator = made.emulator.path if made.emulator else None
                _show_report(options, read_accounts(Path(order.accounts), emulator))
    if code:
        raise click.exceptions.Exit(code)


def _show_report(options: Options, ran: tuple[Ran, ...]) -> None:
    """Tell what ran; standard output is the program's."""
    if options["report_file"]:
        fs.write_text(options["report_file"], as_json({"schema": 1, "ran": [dataclasses.asdict(one) for one in ran]}))
    if options["report"]:
        click.echo(table(ran), err=True, nl=False)


def _request(options: Options) -> RootRequest:
    archive = _archive(options)
    base = () if options["minimal"] or archive else DEFAULT_PACKAGES
    return RootRequest(
        archive=archive,
        target=find_target(options["target"]),
        suite=options["suite"],
        packages=tuple(dict.fromkeys((*base, *options["packages"]))),
        native=not options["no_native"],
        way=None if options["entry"] == "auto" else options["entry"],
        native_perl=options["native_perl"],
        native_python=options["native_python"],
    )


def _archive(options: Options) -> Path | None:
    archive: Path | None = options["rootfs"]
    if archive is None:
        return None
    if not archive.is_file() or options["packages"]:
        raise UsageError(
            f"no root can be made of {archive}" + (" and packages" if options["packages"] else ""),
            cause="there is no such file, or packages were named as well, which a root from a file does not get",
            action="name a root file system (.tar, .tar.gz, .tar.xz or .tar.zst) without --package; what is missing is "
            "installed by its own package manager (--keep NAME)",
        )
    return archive.resolve()


def _run_options(options: Options, argv: tuple[str, ...]) -> RunOptions:
    pairs = [_variable(text) for text in options["variables"]]
    return RunOptions(
        argv=argv,
        project=None if options["no_project"] else options["project"] or Path.cwd(),
        binds=tuple(_bind(text) for text in options["mounts"]),
        env=dict(pairs),
        network=not options["no_network"],
        keep=options["keep"],
        watched=options["report"] or options["report_file"] is not None,
    )


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(
            f"--env {text!r} is no NAME=VALUE", cause="the sign '=' is missing", action="write --env NAME=VALUE"
        )
    return name, value


def _bind(text: str) -> Bind:
    source, _colon, rest = text.partition(":")
    inside, _colon, mode = rest.partition(":")
    path = Path(source).resolve()
    if not source or not path.exists() or mode not in {"", "ro", "rw"} or not (inside or "/").startswith("/"):
        raise UsageError(
            f"--mount {text!r} cannot be mounted",
            cause="there is no such file or directory, or the place in the root is no absolute path",
            action="write --mount DIR, --mount DIR:/PLACE or --mount DIR:/PLACE:ro",
        )
    return Bind(source=str(path), inside=inside or str(path), read_only=mode == "ro")
