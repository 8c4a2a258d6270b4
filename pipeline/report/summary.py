"""The closing tables of a build, and the same for programs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.model.build import BuildOutcome, ProducedFile, StepTiming
from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity, verdict
from pipeline.report import wording

SCHEMA = 1
_SEVERITY_STYLES = {Severity.OK: "green", Severity.INFO: "", Severity.UNKNOWN: "yellow", Severity.FAIL: "bold red"}
_VERDICT_WORDS = {Severity.OK: "passed", Severity.UNKNOWN: "undecided", Severity.FAIL: "FAILED"}


def build_tables(outcomes: Sequence[BuildOutcome], *, start_dir: Path) -> list[RenderableType]:
    """Return what closes a build: steps, files and verdict of each target. Paths are shown from *start_dir*."""
    parts: list[RenderableType] = []
    for outcome in outcomes:
        parts += [
            Text(""),
            Text(f"{outcome.name} {outcome.version} for {outcome.target.name}", style="bold"),
            step_table(outcome.steps),
            file_table(outcome.files, start_dir),
            verdict_text(outcome.findings),
        ]
    if len(_by_build(outcomes)) > 1:
        parts += [Text(""), Text("What each target cost", style="bold"), cost_table(outcomes)]
    return parts


def cost_table(outcomes: Sequence[BuildOutcome]) -> Table:
    """Return seconds and compiled units of each build, in the order of building.

    What builds share, such as tools that are fetched, is in the first one's figures.
    """
    builds = _by_build(outcomes)
    names = {name for name, _target in builds}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("target", no_wrap=True)
    for heading in ("seconds", "CPU seconds", "emulated CPU s", "units for here", "for the target"):
        table.add_column(heading, justify="right")
    for (name, target), made in builds.items():
        cost = _cost(made)
        table.add_row(
            f"{name}, {target}" if len(names) > 1 else target,
            f"{cost.duration_s:.2f}",
            f"{cost.cpu_s:.2f}",
            f"{cost.emulated_cpu_s:.2f}",
            str(cost.host_units),
            str(cost.target_units),
        )
    return table


def _by_build(outcomes: Sequence[BuildOutcome]) -> dict[tuple[str, str], list[BuildOutcome]]:
    """Return the zips of each build by runtime and target: a companion's zip belongs to the build before it."""
    builds: dict[tuple[str, str], list[BuildOutcome]] = {}
    for outcome in outcomes:
        builds.setdefault((outcome.runtime, outcome.target.name), []).append(outcome)
    return builds


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Cost:
    duration_s: float
    cpu_s: float
    emulated_cpu_s: float
    host_units: int
    target_units: int


def _cost(outcomes: Sequence[BuildOutcome]) -> _Cost:
    """Return the sums over one target's zips; a further zip has only steps of its own."""
    steps = [step for outcome in outcomes for step in outcome.steps]
    return _Cost(
        duration_s=sum(step.duration_s for step in steps),
        cpu_s=sum(step.cpu_s or 0.0 for step in steps),
        emulated_cpu_s=sum(outcome.emulated_cpu_s for outcome in outcomes),
        host_units=sum(step.compiled_host_units for step in steps),
        target_units=sum(step.compiled_target_units for step in steps),
    )


def step_table(steps: Sequence[StepTiming]) -> Table:
    """Return each step with its seconds, where it ran and what it made, and the sums."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step", overflow="fold")
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("found or made", overflow="fold")
    for step in steps:
        table.add_row(Text(step.title), f"{step.duration_s:.2f}", str(step.where), Text(step.detail))
    table.add_section()
    sums = _sums(steps)
    apart = ", ".join(f"{where} {sums[where]:.2f}" for where in Where if sums[where])
    table.add_row("together", f"{sum(sums.values()):.2f}", "", apart)
    return table


def file_table(files: Iterable[ProducedFile], start_dir: Path) -> Table:
    """Return each file with its size and the beginning of its SHA-256."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    for file in files:
        shown = file.path.relative_to(start_dir) if file.path.is_relative_to(start_dir) else file.path
        table.add_row(Text(str(shown)), wording.quantity(file.size_bytes, "B"), wording.short_digest(file.sha256))
    return table


def verdict_text(findings: Sequence[Finding]) -> Text:
    """Return the verdict of the checks in one line, and a line for each finding that is not well."""
    overall = verdict(findings)
    text = Text.assemble("checks ", (_VERDICT_WORDS.get(overall, overall), _SEVERITY_STYLES[overall]))
    text.append(f": {counts_text(findings)}" if findings else ": none were made")
    for finding in findings:
        if finding.severity in {Severity.FAIL, Severity.UNKNOWN}:
            text.append(f"\n  {finding.severity} ", _SEVERITY_STYLES[finding.severity])
            text.append(f"{finding.id} {finding.where}: {finding.message}")
    return text


def counts_text(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each kind: ``14 ok, 1 unknown``."""
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])


def outcomes_json(outcomes: Sequence[BuildOutcome]) -> dict[str, object]:
    """Return the same for programs; every value is a JSON value."""
    return {"schema": SCHEMA, "outcomes": [_outcome_json(outcome) for outcome in outcomes]}


def findings_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Return findings and their verdict; every value is a JSON value."""
    return {
        "verdict": verdict(findings).value,
        "findings": [finding.model_dump(mode="json") for finding in findings],
    }


def _outcome_json(outcome: BuildOutcome) -> dict[str, object]:
    return {
        "name": outcome.name,
        "version": outcome.version,
        "target": outcome.target.name,
        "zip": str(outcome.zip_path),
        "record": str(outcome.record_path),
        "steps": [dataclasses.asdict(step) for step in outcome.steps],
        "seconds": {where.value: round(total_s, 3) for where, total_s in _sums(outcome.steps).items()},
        "emulated_cpu_s": outcome.emulated_cpu_s,
        "files": [{"path": str(f.path), "size_bytes": f.size_bytes, "sha256": f.sha256} for f in outcome.files],
        "checks": findings_json(outcome.findings),
    }


def _sums(steps: Iterable[StepTiming]) -> dict[Where, float]:
    sums = dict.fromkeys(Where, 0.0)
    for step in steps:
        sums[step.where] += step.duration_s
    return sums
