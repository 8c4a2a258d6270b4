"""What ``verify --json`` prints."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from pipeline.model.findings import Finding, Severity
from pipeline.model.self_test import SelfTestReport


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class VerifiedFile(_Model):
    """One file of the command line, and what was found."""

    path: str
    """As it was given."""
    kind: str | None = None
    """What it is (``zip``, ``wheel``, ``oci-layout``, …); left out for products with a build record."""
    targets: tuple[str, ...] | None = None
    """For which targets its programs are; left out for products with a build record."""
    verdict: Severity
    findings: tuple[Finding, ...]


class ErrorObject(_Model):
    """The error that ended the command; docs/exit-codes.md lists them."""

    name: Annotated[str, pydantic.Field(alias="class")]
    exit_code: int
    what: str
    cause: str
    action: str
    details: str


class VerifyDocument(_Model):
    """The whole document. Where a check failed, ``error`` stands beside the result."""

    schema_version: Annotated[Literal[1], pydantic.Field(alias="schema")] = 1
    files: tuple[VerifiedFile, ...] = ()
    """Left out, as `schema` is, where the command ended before there was a result: `error` then stands alone."""
    self_test: SelfTestReport | None = None
    """With ``--self-test``."""
    error: ErrorObject | None = None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of what ``verify --json`` prints."""
    return VerifyDocument.model_json_schema()
