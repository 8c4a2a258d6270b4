"""Hold together what belongs together: one snapshot per lifted package, made by this generator, seen by every consumer.

Cargo itself puts the snapshot into the product (the stub filled the OUT_DIR that the product's crates read). What
is left to do is to make sure that nothing came between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipeline import errors, fs
from pipeline.errors import GeneratorFailedError, GeneratorTimeoutError, StitchError
from pipeline.model.snapshot import GeneratorSetup, StepFailure, StepResult, failure_path, result_path
from pipeline.processes.proc import describe_exit


@dataclasses.dataclass(frozen=True, kw_only=True)
class StitchInputs:
    """The generators of a build, where their results lie, and which OUT_DIRs Cargo handed to consumers."""

    steps_dir: Path
    generators: tuple[GeneratorSetup, ...]
    out_dirs: frozenset[tuple[str, str, Path]]
    """(package, version, OUT_DIR) for every lifted build script that Cargo ran or found fresh."""
    replayed: bool = False
    """Whether the snapshots came from another machine, and with them what is known of their generators."""


def run(inputs: StitchInputs) -> tuple[StepResult, ...]:
    """Return the results of all generators, in the order given.

    Raises StitchError when a snapshot is missing, was altered, was made by another generator, or is not the one
    that the product's crates were given.
    """
    return tuple(_checked(inputs, generator) for generator in inputs.generators)


def raise_for_failed_generator(steps_dir: Path, generators: Sequence[GeneratorSetup]) -> None:
    """Raise GeneratorFailedError or GeneratorTimeoutError if the last run of a generator failed.

    Where one could not be run at all, the error that its helper met is raised again.
    """
    for generator in generators:
        _raise_again(failure_path(steps_dir, generator.package, generator.version))
        result = read_result(steps_dir, generator)
        if result is not None and (result.timed_out or result.exit_code != 0):
            raise _failure(result)


def read_result(steps_dir: Path, generator: GeneratorSetup) -> StepResult | None:
    """Return what the last run of a generator left, None when there was none."""
    path = result_path(steps_dir, generator.package, generator.version)
    try:
        return StepResult.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StitchError(
            f"the record of {generator.package}'s snapshot cannot be read: {path}",
            cause="the file was damaged, or written by another version of this program",
            action="delete the file and build again: the snapshot is made anew",
        ) from error


def _raise_again(path: Path) -> None:
    try:
        failure = StepFailure.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return
    kind = getattr(errors, failure.error, None)
    if isinstance(kind, type) and issubclass(kind, errors.PipelineError):
        raise kind(failure.what, cause=failure.cause, action=failure.action, details=failure.details)


def _failure(result: StepResult) -> GeneratorFailedError | GeneratorTimeoutError:
    said = f"{result.stdout_tail}{result.stderr_tail}"
    again = f"the build tree is kept; run the generator again by hand:\n{result.replay}"
    if result.timed_out:
        return GeneratorTimeoutError(
            f"the generator of {result.package} did not end within {result.duration_s:.0f} s on {result.target}",
            cause="it waits for something, or the machine is slower than the time limit allows",
            action=f"raise the limit with --timeout, or find out what it waits for; {again}",
            details=said,
        )
    return GeneratorFailedError(
        f"the snapshot generator of {result.package} ended with {describe_exit(result.exit_code)} on {result.target}",
        cause="an error in the build script, or something it needs is missing on the target; see its output above",
        action=again,
        details=said,
    )


def _checked(inputs: StitchInputs, generator: GeneratorSetup) -> StepResult:
    result = read_result(inputs.steps_dir, generator)
    problem = "it was never made" if result is None else _problem(inputs, generator, result)
    if result is None or problem:
        raise StitchError(
            f"the snapshot of {generator.package} {generator.version} cannot be stitched in: {problem}",
            cause="two builds used the same work directory, or files in it were changed by hand",
            action=f"delete {inputs.steps_dir} and build again",
        )
    return result


def _problem(inputs: StitchInputs, generator: GeneratorSetup, result: StepResult) -> str:
    """Return why *result* is not the snapshot of this build, an empty string when it is."""
    used = {path for name, version, path in inputs.out_dirs if (name, version) == (result.package, result.version)}
    if used != {result.out_dir}:
        listed = ", ".join(sorted(map(str, used))) or "none"
        return f"it was made in {result.out_dir}, but the product was given {listed}"
    if result.replayed != inputs.replayed:
        return "it was not made for this build"
    if not inputs.replayed and fs.sha256_file(generator.generator) != result.generator_sha256:
        return "it was made by another generator than the one that lies there now"
    if fs.describe_tree(result.out_dir) != result.outputs:
        return f"files in {result.out_dir} are not those that the generator wrote"
    return ""
