"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
from click.shell_completion import shell_complete

from pipeline import fs
from pipeline.cli.completion import COMPLETE_VARIABLE, PROGRAM
from pipeline.cli.examples import with_examples
from pipeline.cli.in_image import run_in_image, wants_image
from pipeline.cli.settings import ResultError, as_json, cache_dir, common_options, environment, wants_json
from pipeline.cli.signals import stopping_children
from pipeline.errors import PipelineError, StoppedError, UsageError
from pipeline.report.annotations import annotation, wants_annotations

BROKEN_PIPE_EXIT_CODE = 128 + signal.SIGPIPE

_VERBS: Final = {
    "build": "pipeline.cli.build",
    "generator": "pipeline.cli.generator",
    "snapshot": "pipeline.cli.snapshot",
    "stitch": "pipeline.cli.stitch",
    "plan": "pipeline.cli.plan",
    "doctor": "pipeline.cli.doctor",
    "verify": "pipeline.cli.verify",
    "report": "pipeline.cli.report",
    "v8": "pipeline.cli.v8",
    "sync": "pipeline.cli.sync",
    "publish": "pipeline.cli.publish",
    "release": "pipeline.cli.release",
    "image": "pipeline.cli.image",
    "cache": "pipeline.cli.cache",
    "root": "pipeline.cli.root",
    "prebuild": "pipeline.cli.prebuild",
    "install": "pipeline.cli.install",
    "reference": "pipeline.cli.reference",
    "workflows": "pipeline.cli.workflows",
    "completion": "pipeline.cli.completion",
    "snapshot-step": "pipeline.cli.snapshot_step",
}
"""Modules of the verbs; each holds a command that is named like itself. Only the one that is called is imported."""


class VerbGroup(click.Group):
    """The verbs, in the order of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb; raises click's UsageError, with the near miss, where there is no such one."""
        if cmd_name not in _VERBS:
            near = difflib.get_close_matches(cmd_name, _VERBS, n=1)
            ctx.fail(f"no such verb {cmd_name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        module = importlib.import_module(_VERBS[cmd_name])
        command = getattr(module, cmd_name.replace("-", "_"))
        return with_examples(cmd_name, command) if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb, or say the versions."""
        if ctx.params["version"]:
            # Here, and not while options are read: --cache-dir and --json may come later on the line.
            _say_versions()
            return None
        return super().invoke(ctx)


@click.command(
    cls=VerbGroup,
    help="Cross-compile programs that embed a virtual machine, and get their start-up snapshot right.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, help="Say the version, and those of the tools at hand.")
@common_options
def commands(*, version: bool) -> None:
    """Hold the verbs."""
    del version


def _say_versions() -> None:
    from pipeline.cli.versions import version_json, version_text  # noqa: PLC0415 - no verb needs the toolbox for this

    sys.stdout.write(as_json(version_json(cache_dir())) if wants_json() else version_text(cache_dir()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: this process's) and return its exit code.

    Whatever is raised below becomes a message here; nothing else prints errors, and nothing else exits.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with stopping_children():
            asked = environment().get(COMPLETE_VARIABLE)
            if asked:
                return shell_complete(commands, {}, PROGRAM, COMPLETE_VARIABLE, asked)
            if wants_image(arguments):
                return run_in_image(arguments, environment())
            code = _run(list(arguments))
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE_EXIT_CODE
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last boundary: nothing may pass it
        return _report(error, arguments)


def _run(arguments: list[str]) -> int:
    name = "snapstitch" if Path(sys.argv[0]).name == "snapstitch" else "python -m pipeline"
    try:
        with commands.make_context(name, arguments) as context:
            commands.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            with fs.explained(Path.cwd()):
                raise
        raise
    return 0


def _report(error: BaseException, arguments: Sequence[str]) -> int:
    """Write the message to standard error and, with --json, an object (and any result) to standard output."""
    known, result = _known(error)
    if known is None:
        traceback.print_exception(error, file=sys.stderr)
        known = _unexpected(error)
    # Nothing is wrong after an interrupt: a line is enough.
    stopped = isinstance(known, StoppedError)
    sys.stderr.write(f"{known.what if stopped else known}\n")
    if not stopped and wants_annotations(environment()):
        sys.stderr.write(annotation("error", known.what, f"usual cause: {known.cause}\nwhat to do: {known.action}"))
    if "--json" in arguments:
        _write_error_object(known, result)
    return known.exit_code


def _known(error: BaseException) -> tuple[PipelineError | None, Mapping[str, object]]:
    """Return the error that says what *error* means to the user, with the result there is; None: a mistake of ours."""
    match error:
        case PipelineError():
            return error, {}
        case ResultError():
            return error.error, error.result
        case click.ClickException():
            return _usage(error), {}
        case KeyboardInterrupt() | click.Abort():
            return _stopped(), {}
        case _:
            return None, {}


def _write_error_object(error: PipelineError, result: Mapping[str, object]) -> None:
    parts = {"what": error.what, "cause": error.cause, "action": error.action, "details": error.details}
    document = {"error": {"class": type(error).__name__, "exit_code": error.exit_code, **parts}, **result}
    try:
        sys.stdout.write(as_json(document))
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()


def _unexpected(error: BaseException) -> PipelineError:
    return PipelineError(
        f"{type(error).__name__}: {error}",
        cause="a mistake in the pipeline itself",
        action="report it with the lines above",
    )


def _stopped() -> StoppedError:
    return StoppedError(
        "stopped; what was finished is kept, and the next run goes on from there",
        cause="an interrupt or a request to terminate",
        action="run the same command again",
    )


def _usage(error: click.ClickException) -> UsageError:
    """Return what click found wrong as an error of our own."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "python -m pipeline"
    what = error.format_message().rstrip(".")
    return UsageError(
        what[:1].lower() + what[1:],
        cause="a misspelt verb or option, or a value that does not fit",
        action=f"see `{command} --help`",
    )


def _silence_stdout() -> None:
    """Let the interpreter's last flush of standard output succeed although nobody reads it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
