"""The verdict over findings."""

from __future__ import annotations

import pytest

from pipeline.model.findings import Finding, Severity, failed, verdict


def finding(severity: Severity) -> Finding:
    return Finding(id="x", severity=severity, subject="app", message="says something")


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ([], Severity.OK),
        ([Severity.OK, Severity.INFO], Severity.OK),
        ([Severity.OK, Severity.UNKNOWN], Severity.UNKNOWN),
        ([Severity.UNKNOWN, Severity.FAIL, Severity.OK], Severity.FAIL),
    ],
)
def test_the_worst_counts(severities: list[Severity], expected: Severity) -> None:
    assert verdict(finding(severity) for severity in severities) is expected


def test_failed_are_those_that_fail() -> None:
    findings = [finding(severity) for severity in Severity]
    assert failed(findings) == (finding(Severity.FAIL),)


def test_where_names_the_offset() -> None:
    assert finding(Severity.OK).where == "app"
    assert finding(Severity.OK).model_copy(update={"offset": 4096}).where == "app at 0x1000"
