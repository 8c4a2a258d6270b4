"""The closing tables, for people and for programs."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

from pipeline.model.build import BuildOutcome, ProducedFile, StepTiming
from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity
from pipeline.model.target import find_target
from pipeline.report.plain import PlainReporter
from pipeline.report.summary import build_tables, outcomes_json, verdict_text

OK = Finding(id="elf.machine", severity=Severity.OK, subject="app", message="is AArch64")
UNKNOWN = Finding(id="v8.consistency", severity=Severity.UNKNOWN, subject="app", message="cannot be compared")
FAIL = Finding(id="elf.glibc", severity=Severity.FAIL, subject="app", message="needs GLIBC_2.38")
OUTCOME = BuildOutcome(
    runtime="app",
    name="app",
    version="1.2.3",
    target=find_target("arm64"),
    zip_path=Path("/work/dist/app-1.2.3-linux-arm64.zip"),
    record_path=Path("/work/dist/app-1.2.3-linux-arm64.build-info.json"),
    steps=(
        StepTiming(title="toolbox", where=Where.NETWORK, duration_s=32.1, detail="[clang] 19"),
        StepTiming(title="compile product", where=Where.NATIVE, duration_s=12.345, cpu_s=20.0),
        StepTiming(title="snapshot of app", where=Where.EMULATED, duration_s=0.43),
    ),
    files=(
        ProducedFile(path=Path("/work/dist/app-1.2.3-linux-arm64.zip"), size_bytes=12_345_678, sha256="ab" * 32),
        ProducedFile(path=Path("/elsewhere/record.json"), size_bytes=93, sha256="cd" * 32),
    ),
    findings=(OK, OK, UNKNOWN),
    emulated_cpu_s=0.4,
)


def text_of(*outcomes: BuildOutcome) -> str:
    stream = io.StringIO()
    PlainReporter(stream).show(build_tables(outcomes, start_dir=Path("/work")))
    return stream.getvalue()


TABLES = """\

app 1.2.3 for arm64

 step              seconds   where      found or made
 ─────────────────────────────────────────────────────────────────────────────────
 toolbox             32.10   network    [clang] 19
 compile product     12.35   native
 snapshot of app      0.43   emulated

 together            44.88              native 12.35, emulated 0.43, network 32.10


 file                                 size   SHA-256
 ────────────────────────────────────────────────────────
 dist/app-1.2.3-linux-arm64.zip    12.3 MB   abababababab
 /elsewhere/record.json           93 bytes   cdcdcdcdcdcd

checks undecided: 2 ok, 1 unknown
  unknown v8.consistency app: cannot be compared
"""


def test_tables() -> None:
    assert text_of(OUTCOME) == TABLES


def test_two_outcomes_are_told_apart() -> None:
    text = text_of(OUTCOME, OUTCOME)
    assert text.count("app 1.2.3 for arm64") == 2


COSTS = """
What each target cost

 target   seconds   CPU seconds   emulated CPU s   units for here   for the target
 ─────────────────────────────────────────────────────────────────────────────────
 arm64      44.88         20.00             0.40                0                0
 s390x      51.00         30.00             1.40                3                7
"""


def test_what_each_target_cost() -> None:
    """A further zip of a target has steps of its own only."""
    compiled = StepTiming(
        title="compile product", where=Where.NATIVE, duration_s=50, cpu_s=30, compiled_host_units=3,
        compiled_target_units=7,
    )  # fmt: skip
    packed = StepTiming(title="package tool", where=Where.NATIVE, duration_s=1)
    other = dataclasses.replace(OUTCOME, target=find_target("s390x"), steps=(compiled,), emulated_cpu_s=1.4)
    text = text_of(OUTCOME, other, dataclasses.replace(other, name="tool", steps=(packed,), emulated_cpu_s=0.0))
    assert text.rstrip("\n").endswith(COSTS.rstrip("\n"))


COSTS_OF_TWO_RUNTIMES = """
 target         seconds   CPU seconds   emulated CPU s   units for here   for the target
 ───────────────────────────────────────────────────────────────────────────────────────
 app, arm64       44.88         20.00             0.40                0                0
 other, arm64     44.88         20.00             0.40                0                0
"""


def test_what_each_runtime_cost() -> None:
    text = text_of(OUTCOME, dataclasses.replace(OUTCOME, runtime="other", name="other"))
    assert text.rstrip("\n").endswith(COSTS_OF_TWO_RUNTIMES.rstrip("\n"))


def test_one_target_has_no_table_of_costs() -> None:
    assert "What each target cost" not in text_of(OUTCOME, OUTCOME)


def test_verdicts() -> None:
    assert verdict_text((OK,)).plain == "checks passed: 1 ok"
    assert verdict_text(()).plain == "checks passed: none were made"
    assert verdict_text((OK, FAIL)).plain == "checks FAILED: 1 ok, 1 fail\n  fail elf.glibc app: needs GLIBC_2.38"


def test_json() -> None:
    document = json.loads(json.dumps(outcomes_json([OUTCOME])))
    assert document["schema"] == 1
    (outcome,) = document["outcomes"]
    assert outcome["zip"] == "/work/dist/app-1.2.3-linux-arm64.zip"
    assert outcome["steps"][1] == {
        "title": "compile product", "where": "native", "duration_s": 12.345, "cpu_s": 20.0,
        "peak_memory_bytes": None, "detail": "", "compiled_host_units": 0, "compiled_target_units": 0,
    }  # fmt: skip
    assert outcome["seconds"] == {"native": 12.345, "emulated": 0.43, "network": 32.1}
    assert outcome["files"][1] == {"path": "/elsewhere/record.json", "size_bytes": 93, "sha256": "cd" * 32}
    assert outcome["checks"]["verdict"] == "unknown"
    assert [finding["id"] for finding in outcome["checks"]["findings"]] == [
        "elf.machine", "elf.machine", "v8.consistency",
    ]  # fmt: skip
