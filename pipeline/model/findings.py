"""What checks say: one finding per fact, the verdict over all of them, and what was examined."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Literal

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


class Agreement(enum.StrEnum):
    """What the comparison of two things that must belong together says."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Finding(_Model):
    """One fact that a check found."""

    id: str
    """Stable name of the check, dotted: ``elf.machine``, ``v8.consistency``; see docs/verify.md."""
    severity: Severity
    subject: str
    """What was looked at: a path inside the product, or a command line."""
    offset: int | None = None
    """Where in the file *subject*, in bytes from its beginning; None: all of it."""
    message: str
    """One sentence for people."""
    agreement: Agreement | None = None
    """Set by checks that compare two things, such as an embedder's snapshot with V8's own."""
    hint: str = ""
    """What to do about it; empty where the message says it all."""

    evidence: dict[str, str | int | float | bool | tuple[str, ...] | None] = {}
    """The measured values behind the sentence, for machines."""

    @property
    def where(self) -> str:
        """Return subject and offset in words."""
        return self.subject if self.offset is None else f"{self.subject} at {self.offset:#x}"


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


InputKind = Literal[
    "file", "directory", "zip", "tar", "wheel", "npm-package", "prebuilds", "oci-layout", "docker-archive"
]  # fmt: skip


class Examined(_Model):
    """One thing that was checked, as the user named it."""

    path: str
    """As given on the command line."""
    kind: InputKind
    targets: tuple[str, ...]
    """For which targets its programs and libraries are, by their ELF headers; sorted."""
    verdict: Severity
    findings: tuple[Finding, ...]


class Report(_Model):
    """What ``verify --json`` prints."""

    schema_version: Literal[2] = 2
    verdict: Severity
    examined: tuple[Examined, ...]
