"""The options of ``verify`` about runs and records, and what they mean for one file."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline import record
from pipeline.cli.spec_file import SpecFile, load_spec
from pipeline.errors import ArchiveError, UsageError
from pipeline.model.asset import ZIP_SUFFIX
from pipeline.model.build import BuildRequest, ExecutorChoice
from pipeline.model.record import RECORD_SUFFIX, Subject
from pipeline.model.spec.selection import Selection, resolve
from pipeline.model.target import Target
from pipeline.proof.record_check import RecordOrder

Verb = TypeVar("Verb", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProofOptions:
    """The options as they were given; None and empty mean: not given."""

    static_only: bool
    runtime: str | None
    executor: ExecutorChoice
    record: Path | None
    lock: Path | None
    generator: tuple[Path, ...]
    one_generation: bool
    self_test: bool
    other: tuple[Path, ...]
    spec: Path | None


def proof_options(verb: Verb) -> Verb:
    """Add the options about runs and records, as one value named *proof*."""

    @functools.wraps(verb)
    def with_options(**values: Any) -> Any:  # noqa: ANN401 - click hands over whatever the options are
        names = [field.name for field in dataclasses.fields(ProofOptions)]
        return verb(proof=ProofOptions(**{name: values.pop(name) for name in names}), **values)

    decorated: Any = with_options
    for option in reversed(_options()):
        decorated = option(decorated)
    return typing.cast("Verb", decorated)


def record_path(product: Path, options: ProofOptions) -> Path | None:
    """Return where the record of *product* is: as given, or beside it and named like it; None where there is none."""
    if options.record is not None:
        return options.record
    beside = product.with_name(product.name.removesuffix(ZIP_SUFFIX) + RECORD_SUFFIX)
    return beside if beside.is_file() else None


def recorded_subject(path: Path | None) -> Subject | None:
    """Return what a record says its product is, whether or not it holds; None when there is nothing to be read."""
    try:
        return record.read_unsealed(path).subject if path else None
    except (OSError, ArchiveError):
        return None


def record_order(path: Path | None, options: ProofOptions) -> RecordOrder | None:
    """Return what the record at *path* is to be held against.

    Raises UsageError for things to compare with and no record.
    """
    if path is None:
        if options.lock or options.generator:
            raise UsageError(
                "--lock and --generator are compared with a build record, and there is none",
                cause="the file has no .build-info.json beside it",
                action="name the record with --record",
            )
        return None
    return RecordOrder(record_path=path, lock=options.lock, generators=options.generator)


def build_request(
    options: ProofOptions, subject: Subject | None, target: Target, *, start_dir: Path
) -> BuildRequest | None:
    """Return how this machine would build the product: its runtime, for *target*; None where nothing is to be run.

    The runtime is the one that was named, or the one that the record names, if ``releases.toml`` has it.
    Raises SpecError, UnknownNameError, UsageError.
    """
    if options.static_only:
        return None
    file = load_spec(options.spec, start_dir=start_dir)
    name = options.runtime or _recorded_runtime(file, subject)
    if name is None:
        return None
    selection = Selection(runtime=name, targets=(target.name,), out_dir=start_dir, executor=options.executor)
    return resolve(file.spec, selection, base_dir=file.base_dir)


def _recorded_runtime(file: SpecFile, subject: Subject | None) -> str | None:
    return subject.name if subject and subject.name in file.spec.runtimes else None


def _options() -> list[Callable[[Verb], Verb]]:
    option = click.option
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    anything = click.Path(exists=True, path_type=Path)
    executors = click.Choice(typing.get_args(ExecutorChoice))
    return [
        option("--static-only", is_flag=True, help="Run nothing."),
        option("--runtime", metavar="NAME", help="Runtime whose canaries are run (default: the record's)."),
        option("--executor", type=executors, default="auto", help="What runs them."),
        option("--record", type=path, metavar="FILE", help="Build record (default: the one beside the file)."),
        option("--lock", type=path, metavar="FILE", help="Cargo.lock that must be the record's."),
        option("--generator", type=path, metavar="FILE", multiple=True, help="Generator that must be the record's."),
        option("--one-generation", is_flag=True, help="All files must hold the same snapshots."),
        option("--self-test", is_flag=True, help="Reject what is made wrong on purpose from each file?"),
        option("--other", type=anything, metavar="FILE", multiple=True, help="[--self-test] Snapshots to try in them."),
        option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Another releases.toml."),
    ]  # fmt: skip
