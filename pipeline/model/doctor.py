"""What the doctor says about a machine."""

from __future__ import annotations

import enum

import pydantic


class Health(enum.StrEnum):
    """How one thing stands."""

    OK = "ok"
    """It is there and fits."""
    FETCH = "fetch"
    """It is not there; the toolbox will fetch it."""
    ABSENT = "absent"
    """It is not there, and a build does without."""
    PROBLEM = "problem"
    """A build would fail; the remedy says what to do."""


class DoctorFinding(pydantic.BaseModel):
    """One thing that was looked at."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    subject: str
    """What was looked at, in a word or two; targets begin with their name."""
    health: Health
    message: str
    """What is there, in one line."""
    remedy: str = ""
    """What to do about a problem."""
    fetch_bytes: int = 0
    """What a build would fetch because of this."""
