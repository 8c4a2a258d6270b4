"""What was resolved once and is used again: the mirror is asked only when that is due and possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import pydantic

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import NetworkError

PlanT = TypeVar("PlanT", bound=pydantic.BaseModel)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remembered(Generic[PlanT]):
    """A plan of an earlier run, and where the next one is written down."""

    path: Path
    plan: PlanT | None
    is_due: bool
    """Whether the mirror is to be asked anew."""


def read_remembered(path: Path, model: type[PlanT]) -> PlanT | None:
    """Return the plan that *path* remembers, None when there is none that this version understands."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, pydantic.ValidationError):
        return None


def recall_or_resolve(
    remembered: Remembered[PlanT], resolve: Callable[[], PlanT], nothing_cached: NetworkError, context: Context
) -> PlanT:
    """Return the remembered plan unless it is due, else what *resolve* finds, which is written down.

    A mirror that cannot be reached is told, and the remembered plan goes on. Raises *nothing_cached* where the mirror
    must not be asked, and what *resolve* raises.
    """
    if remembered.plan and not remembered.is_due:
        return remembered.plan
    if context.offline:
        raise nothing_cached
    try:
        plan = resolve()
    except NetworkError as error:
        if remembered.plan is None:
            raise
        context.reporter.warn(f"the package lists are of an earlier day: {error.what}")
        return remembered.plan
    fs.write_text(remembered.path, plan.model_dump_json(indent=1))
    return plan
