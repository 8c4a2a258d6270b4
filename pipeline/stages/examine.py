"""Check anybody's program, archive, package or image without running it; the target is found in the files."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.examine.checks import Expectations, check, targets_of
from pipeline.examine.opening import open_input
from pipeline.model.findings import Examined, verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExamineInputs:
    """What to look at, and what is known about it."""

    path: Path
    shown: str
    """The path as the user gave it."""
    expected: Expectations


def run(inputs: ExamineInputs, context: Context) -> Examined:
    """Return every static finding about the input.

    Raises ArchiveError when it is a damaged or hostile archive, UsageError when it is not there, UnsupportedError for
    what cannot be read yet, DiskFullError and NotWritableError where it cannot be unpacked.
    """
    parent = fs.make_directory(context.cache_dir / "verify")
    with tempfile.TemporaryDirectory(prefix="input-", dir=parent) as scratch:
        opened = open_input(inputs.path, Path(scratch))
        findings = check(opened, inputs.expected)
        targets = targets_of(opened)
    return Examined(path=inputs.shown, kind=opened.kind, targets=targets, verdict=verdict(findings), findings=findings)
