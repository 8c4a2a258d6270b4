"""What the doctor says, in words and as JSON; and one real visit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.doctor import findings_json, findings_text
from pipeline.cli.main import main
from pipeline.model.doctor import DoctorFinding, Health

FINDINGS = (
    DoctorFinding(subject="apt", health=Health.OK, message="is there"),
    DoctorFinding(subject="arm64: toolbox", health=Health.FETCH, message="would fetch 3 packages", fetch_bytes=7),
    DoctorFinding(subject="disk space", health=Health.PROBLEM, message="1 GB free", remedy="free some"),
)


def test_text() -> None:
    assert findings_text(FINDINGS) == (
        "ok     apt             is there\n"
        "fetch  arm64: toolbox  would fetch 3 packages\n"
        "WRONG  disk space      1 GB free\n"
        "                       -> free some\n"
    )


def test_json() -> None:
    document = json.loads(json.dumps(findings_json(FINDINGS)))
    assert document["findings"][1] == {
        "subject": "arm64: toolbox",
        "health": "fetch",
        "message": "would fetch 3 packages",
        "remedy": "",
        "fetch_bytes": 7,
    }


def test_a_problem_has_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline, with an empty cache, nothing can be fetched."""
    monkeypatch.chdir(tmp_path)
    arguments = ["doctor", "-t", "arm64", "--toolchain", "private", "--offline", "--json", "--cache-dir", "cache"]
    assert main(arguments) == 10
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {"subject": "cache directory", "health": "ok", "message": str(tmp_path / "cache")}.items() <= next(
        finding.items() for finding in findings if finding["subject"] == "cache directory"
    )
    assert "problem" in {finding["health"] for finding in findings if finding["subject"].startswith("arm64")}
