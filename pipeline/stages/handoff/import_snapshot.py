"""Takes in snapshots that were made on another machine, if they are the ones that this build needs."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from pipeline import fs
from pipeline.errors import StitchError
from pipeline.executors import jobs
from pipeline.model.bundle import RESULT_FILE_NAME, STEPS_DIR_NAME, BundleRequest, Identity, mismatches
from pipeline.processes.proc import describe_exit
from pipeline.snapshots import bundles


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportInputs:
    """A snapshot bundle, and what the build needs from it."""

    bundle: Path
    identity: Identity
    steps: tuple[str, ...]
    """``<package>-<version>`` of every lifted package."""
    destination: Path
    """Where the unpacked bundle is kept during the build."""
    partial: bool = False
    """Whether some of the steps will do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportOutputs:
    """An accepted bundle."""

    directory: Path
    sha256: str
    request: BundleRequest


def run(inputs: ImportInputs) -> ImportOutputs:
    """Check the bundle and unpack it.

    Raises StitchError, with the reason, for snapshots that are not this build's, ArchiveError for a damaged bundle,
    IntegrityError for an altered one.
    """
    with bundles.opened(inputs.bundle) as (directory, request):
        _refuse_others(inputs, request)
        for step in request.steps:
            _check_step(inputs, directory, step.name)
        with fs.atomic_directory(inputs.destination) as staging:
            shutil.copytree(directory, staging, dirs_exist_ok=True)
    return ImportOutputs(directory=inputs.destination, sha256=fs.sha256_file(inputs.bundle), request=request)


def _refuse_others(inputs: ImportInputs, request: BundleRequest) -> None:
    found = mismatches(inputs.identity, request.identity)
    if found:
        raise _refused(inputs, f"it was made for {found[0]}", "\n".join(found))
    names = {step.name for step in request.steps}
    if names < set(inputs.steps) and set(request.pending) == set(inputs.steps) - names:
        if inputs.partial:
            return
        raise StitchError(
            f"{inputs.bundle.name} is not the last one: the snapshot of {_listed(request.pending)} is not in it",
            cause="that snapshot is made on top of those that are in it",
            action="give it to `generator --snapshot FILE`, run what that makes, and stitch the result",
        )
    if names != set(inputs.steps):
        raise _refused(inputs, f"it has snapshots of {_listed(names)}, and the build needs {_listed(inputs.steps)}")


def _check_step(inputs: ImportInputs, directory: Path, name: str) -> None:
    step_dir = directory / STEPS_DIR_NAME / name
    if not (step_dir / RESULT_FILE_NAME).is_file():
        raise _refused(inputs, f"the snapshot of {name} is not in it: it holds generators that are yet to be run")
    outcome = jobs.read_outcome(step_dir)
    if outcome.timed_out:
        raise _refused(inputs, f"the generator of {name} did not end in time")
    if outcome.exit_code != 0:
        said = (step_dir / "stderr").read_text(encoding="utf-8", errors="replace")
        raise _refused(inputs, f"the generator of {name} ended with {describe_exit(outcome.exit_code)}", said)


def _refused(inputs: ImportInputs, why: str, details: str = "") -> StitchError:
    return StitchError(
        f"{inputs.bundle.name} cannot be stitched in: {why}",
        cause="sources, options or tools changed since the generator was built, or it is another build's",
        action="make the generator bundle again, run it, and stitch what it makes",
        details=details,
    )


def _listed(names: set[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "nothing"
