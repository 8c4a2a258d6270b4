"""What checks say: one finding per fact, and the verdict over all of them."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import pydantic


class Severity(enum.StrEnum):
    """What one finding means for the product."""

    OK = "ok"
    """The check was made and the product passed."""
    INFO = "info"
    """A fact worth recording that is neither good nor bad."""
    UNKNOWN = "unknown"
    """The check cannot decide; the message says why."""
    FAIL = "fail"
    """The product is wrong."""


class Finding(pydantic.BaseModel):
    """One fact that a check found."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    id: str
    """Stable name of the check, dotted: ``elf.machine``, ``v8.consistency``; see docs/verify.md."""
    severity: Severity
    subject: str
    """What was looked at: a path inside the product, or a command line."""
    message: str
    """One sentence for people."""
    evidence: dict[str, str | int | float | bool | tuple[str, ...] | None] = {}
    """The measured values behind the sentence, for machines."""


def verdict(findings: Iterable[Finding]) -> Severity:
    """Return FAIL if anything failed, else UNKNOWN if anything could not be decided, else OK."""
    severities = {finding.severity for finding in findings}
    for severity in (Severity.FAIL, Severity.UNKNOWN):
        if severity in severities:
            return severity
    return Severity.OK


def failed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that say that the product is wrong."""
    return tuple(finding for finding in findings if finding.severity is Severity.FAIL)
