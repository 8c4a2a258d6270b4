"""Check anybody's program, archive, package or image without running it; the target is found in the files."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError
from pipeline.examine.checks import Expectations, check, targets_of
from pipeline.examine.images import open_layout
from pipeline.examine.opening import open_input
from pipeline.examine.trees import Opened
from pipeline.model.findings import Examined, verdict
from pipeline.model.images.reference import looks_like_reference, parse_reference
from pipeline.oci_registry.pull import pull


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExamineInputs:
    """What to look at, and what is known about it."""

    path: Path
    shown: str
    """The path as the user gave it."""
    expected: Expectations


def run(inputs: ExamineInputs, context: Context) -> Examined:
    """Return every static finding about the input.

    A path that is not there and can be the name of an image in a registry is pulled. Raises ArchiveError when it is a
    damaged or hostile archive, UsageError when it is not there, RegistryError, NetworkError, DiskFullError and
    NotWritableError where it cannot be unpacked.
    """
    parent = fs.make_directory(context.cache_dir / "verify")
    with tempfile.TemporaryDirectory(prefix="input-", dir=parent) as scratch:
        opened = _opened(inputs.path, Path(scratch), context)
        findings = check(opened, inputs.expected)
        targets = targets_of(opened)
    return Examined(path=inputs.shown, kind=opened.kind, targets=targets, verdict=verdict(findings), findings=findings)


def _opened(path: Path, scratch_dir: Path, context: Context) -> Opened:
    if path.exists() or not looks_like_reference(str(path)):
        return open_input(path, scratch_dir)
    reference = parse_reference(str(path))
    if context.offline:
        raise NetworkError(
            f"{reference} is in a registry, which cannot be reached with --offline",
            cause="--offline was given, and no such file is on this machine",
            action="leave --offline out, or save the image first and give that file",
        )
    layout_dir, opened_dir = (fs.make_directory(scratch_dir / name) for name in ("layout", "opened"))
    with context.reporter.step(f"pull {reference}") as step:
        step.detail(pull(reference, layout_dir, context.environ, context.reporter))
    return open_layout(layout_dir, opened_dir)
