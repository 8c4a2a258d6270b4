"""Files without a build record, of anybody: what ``verify`` says about them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from pipeline.context import Context
from pipeline.examine.checks import Expectations
from pipeline.model.findings import Examined
from pipeline.model.target import find_target
from pipeline.stages import examine


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExamineOptions:
    """The options of ``verify`` that are about what is in the files; None and empty mean: not given."""

    target: str | None = None
    glibc: str | None = None
    assumed: tuple[str, ...] = ()
    complete: bool = False


def examined(path: Path, options: ExamineOptions, context: Context) -> Examined:
    """Return every static finding about *path*; raises what stages.examine.run does, and UnknownNameError."""
    expected = Expectations(
        target=find_target(options.target) if options.target else None,
        glibc=tuple(int(number) for number in re.findall(r"\d+", options.glibc)) if options.glibc else None,
        assumed=frozenset(options.assumed),
        complete=options.complete or bool(options.assumed),
    )
    return examine.run(examine.ExamineInputs(path=path, shown=str(path), expected=expected), context)


def listed(examined_file: Examined) -> dict[str, object]:
    """Return the same for programs; every value is a JSON value."""
    return examined_file.model_dump(mode="json")
