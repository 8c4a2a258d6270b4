"""Options that every verb takes, before the verb or after it, and the surroundings that are made from them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from pipeline.context import Context
from pipeline.errors import PipelineError
from pipeline.report.choose import ClosingReporter, Look, make_reporter

CACHE_NAME = "snapstitch"

Verb = TypeVar("Verb", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the options that every verb takes say."""

    cache_dir: Path
    offline: bool = False
    jobs: int | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """One invocation: its settings, its reporter, and the context for everything below the command line."""

    settings: Settings
    reporter: ClosingReporter
    context: Context

    @property
    def lists(self) -> bool:
        """Tell whether what is shown is all that a person reads: else an error has to name what is wrong."""
        return not (self.settings.quiet or self.settings.json)

    def result(self, value: Mapping[str, object], text: str = "") -> None:
        """Write the result to standard output: *value* as JSON when that was asked for, else *text*."""
        sys.stdout.write(as_json(value) if self.settings.json else text)


class ResultError(Exception):
    """The command has a result, and failed all the same: both are shown."""

    def __init__(self, error: PipelineError, result: Mapping[str, object]) -> None:
        super().__init__(error.what)
        self.error = error
        self.result = result


def as_json(value: Mapping[str, object]) -> str:
    """Return one JSON document as it is written to standard output."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def environment() -> dict[str, str]:
    """Return the environment of this process: the only place that reads it."""
    return dict(os.environ)


def common_options(verb: Verb) -> Verb:
    """Add the options that every verb takes. The last place on the line wins."""
    for option in reversed(_options()):
        verb = option(verb)
    return verb


@contextlib.contextmanager
def open_session() -> Iterator[Session]:
    """Yield the session of the running command; the screen is left as it should be."""
    environ, settings = environment(), _settings()
    look = Look(quiet=settings.quiet, verbose=settings.verbose)
    reporter = make_reporter(sys.stderr, environ, look)
    context = Context(
        cache_dir=settings.cache_dir,
        reporter=reporter,
        environ=environ,
        offline=settings.offline,
        jobs=settings.jobs,
    )
    with contextlib.closing(reporter):
        yield Session(settings=settings, reporter=reporter, context=context)


def cache_dir() -> Path:
    """Return where the running command keeps things."""
    return _settings().cache_dir


def wants_json() -> bool:
    """Tell whether the running command's result is to be JSON."""
    return _settings().json


def _options() -> list[Callable[[Verb], Verb]]:
    option = functools.partial(click.option, expose_value=False, callback=_remember)
    folder = click.Path(file_okay=False, path_type=Path)
    return [
        option("--cache-dir", type=folder, help="Where tools and work trees are kept (default: the user's cache)."),
        option("--offline", is_flag=True, help="Use what is there; ask nothing of the network."),
        option("-j", "--jobs", type=click.IntRange(min=1), help="Parallel jobs of the compilers."),
        option("--json", is_flag=True, help="Write the result to standard output as JSON."),
        option("-v", "--verbose", is_flag=True, help="Show what compilers and tools print."),
        option("-q", "--quiet", is_flag=True, help="Say only what is wrong."),
    ]


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if parameter.name and context.get_parameter_source(parameter.name) is not click.core.ParameterSource.DEFAULT:
        context.find_root().meta[_meta_key(parameter.name)] = value


def _meta_key(name: str) -> str:
    return f"{__name__}.{name}"


def _settings() -> Settings:
    meta = click.get_current_context().find_root().meta
    names = [field.name for field in dataclasses.fields(Settings)]
    given = {name: meta[_meta_key(name)] for name in names if _meta_key(name) in meta}
    place = given.pop("cache_dir", None) or platformdirs.user_cache_path(CACHE_NAME)
    return Settings(cache_dir=place.absolute(), **given)
