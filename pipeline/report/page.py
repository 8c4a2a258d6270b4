"""One self-contained HTML page about a build: everything in its record, with two pictures; no script, no network."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Iterator, Sequence

import jinja2

from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity
from pipeline.model.record import BuildRecord
from pipeline.report import wording
from pipeline.report.drawing import draw_chain, draw_timeline
from pipeline.report.summary import counts_text

PAGE_SUFFIX = ".report.html"
_TEMPLATE = "report.html.jinja"
_VERDICT_WORDS = {Severity.OK: "passed", Severity.UNKNOWN: "undecided", Severity.FAIL: "failed"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure that comes first."""

    label: str
    value: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    kind: str = ""
    """``number``, ``word``, ``id``, ``mono``, ``share`` (a bar, in per cent) or plain text."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table; *kind* colours its first cell."""

    cells: tuple[str, ...]
    kind: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageTable:
    """A table with its heading."""

    id: str
    heading: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    folded: str = ""
    """What stands in its place until it is opened; empty: it is open."""
    place: str = "last"
    """``first``: above the pictures."""


def render_page(record: BuildRecord, *, record_name: str) -> str:
    """Return the page about *record*, which lies in a file named *record_name*. Everything from it is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False, loader=jinja2.FunctionLoader(_load)
    )
    subject = record.subject
    page = {
        "title": f"{subject.name} {subject.version} for {subject.target}",
        "verdict": record.verdict.value,
        "verdict_words": _VERDICT_WORDS.get(record.verdict, record.verdict.value),
        "counts": counts_text(record.findings) or "none were made",
        "built_at": record.built_at,
        "pipeline_version": record.pipeline_version,
        "executor": _executor(record),
        "tiles": _tiles(record),
        "tables": tuple(_tables(record)),
        "record_name": record_name,
        "subject_sha256": record.subject_sha256,
        "zip_name": subject.zip_name,
    }
    template = environment.get_template(_TEMPLATE)
    return template.render(page=page, chain=draw_chain(record), timeline=draw_timeline(record.steps)) + "\n"


def _load(name: str) -> str:
    return (importlib.resources.files("pipeline") / "data" / name).read_text(encoding="utf-8")


def _executor(record: BuildRecord) -> str:
    executor = record.executor
    if executor is None:
        return ""
    return (
        f"{executor.name} {executor.version} as {executor.cpu_model}, {'emulated' if executor.emulated else 'native'}"
    )


def _tiles(record: BuildRecord) -> tuple[Tile, ...]:
    sums = dict.fromkeys(Where, 0.0)
    for step in record.steps:
        sums[step.where] += step.duration_s
    subject = record.subject
    return (
        Tile(label="in all", value=wording.seconds(sum(sums.values()))),
        Tile(label="native", value=wording.seconds(sums[Where.NATIVE])),
        Tile(label="emulated, checks included", value=wording.seconds(sums[Where.EMULATED])),
        Tile(label="CPU emulated for snapshots", value=wording.seconds(record.emulated_cpu_s)),
        Tile(label="the zip", value=wording.quantity(subject.zip_size_bytes, "B")),
        Tile(label="glibc needed", value=subject.glibc_floor or "none"),
    )


def _tables(record: BuildRecord) -> Iterator[PageTable]:
    yield from _findings(record.findings)
    yield _canaries(record.findings)
    yield _steps(record)
    yield _files(record)
    yield _snapshots(record)
    yield _tools(record)
    if record.differences:
        yield _differences(record)
    yield _identity(record)


def _findings(findings: Sequence[Finding]) -> Iterator[PageTable]:
    others = [finding for finding in findings if finding.id != "canary"]
    columns = (Column(name="verdict", kind="word"), Column(name="check", kind="id"), Column(name="of", kind="mono"),
               Column(name="finding"))  # fmt: skip
    wrong = [finding for finding in findings if finding.severity in {Severity.FAIL, Severity.UNKNOWN}]
    if wrong:
        wrong.sort(key=lambda finding: finding.severity is not Severity.FAIL)
        yield PageTable(
            id="wrong", heading="What is wrong, or cannot be told", columns=columns, rows=_rows(wrong), place="first"
        )  # fmt: skip
    for severity, words in ((Severity.OK, "right"), (Severity.INFO, "worth knowing")):
        found = [finding for finding in others if finding.severity is severity]
        if found:
            yield PageTable(
                id=f"findings-{severity}", heading="Findings" if severity is Severity.OK else "", columns=columns,
                rows=_rows(found), folded=f"{len(found)} that are {words}",
            )  # fmt: skip


def _rows(findings: Sequence[Finding]) -> tuple[Row, ...]:
    return tuple(
        Row(
            cells=(f.severity.value, f.id, f.where, f"{f.message}; {f.hint}" if f.hint else f.message),
            kind=f.severity.value,
        )
        for f in findings
    )


def _canaries(findings: Sequence[Finding]) -> PageTable:
    runs = [finding for finding in findings if finding.id == "canary"]
    return PageTable(
        id="canaries",
        heading="Runs of the product",
        caption="Each on the packed product, unpacked where nothing but the C library is."
        if runs
        else "None were made: the runtime has no canaries.",
        columns=(
            Column(name="verdict", kind="word"), Column(name="rung"), Column(name="command", kind="mono"),
            Column(name="said"), Column(name="seconds", kind="number"),
        ),
        rows=tuple(
            Row(
                cells=(
                    run.severity.value, _value(run, "rung"), run.subject, run.message, _value(run, "duration_s"),
                ),
                kind=run.severity.value,
            )
            for run in runs
        ),
    )  # fmt: skip


def _value(finding: Finding, name: str) -> str:
    value = finding.evidence.get(name)
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def _steps(record: BuildRecord) -> PageTable:
    return PageTable(
        id="steps",
        heading="Steps",
        columns=(
            Column(name="step"), Column(name="where"), Column(name="seconds", kind="number"),
            Column(name="CPU seconds", kind="number"), Column(name="peak memory", kind="number"),
            Column(name="found or made"),
        ),
        rows=tuple(
            Row(
                cells=(
                    step.title, step.where.value, f"{step.duration_s:.2f}",
                    "" if step.cpu_s is None else f"{step.cpu_s:.2f}",
                    "" if step.peak_memory_bytes is None else wording.quantity(step.peak_memory_bytes, "B"),
                    step.detail,
                )
            )
            for step in record.steps
        ),
    )  # fmt: skip


def _files(record: BuildRecord) -> PageTable:
    files = sorted(record.subject.files, key=lambda file: -file.size_bytes)
    largest = max((file.size_bytes for file in files), default=0) or 1
    return PageTable(
        id="files",
        heading="Files",
        caption=f"{len(files)} files, {wording.quantity(sum(f.size_bytes for f in files), 'B')} unpacked",
        columns=(
            Column(name="file", kind="mono"), Column(name="size", kind="number"), Column(name="", kind="share"),
            Column(name="SHA-256", kind="mono"),
        ),
        rows=tuple(
            Row(
                cells=(
                    file.path, wording.quantity(file.size_bytes, "B"), f"{100 * file.size_bytes / largest:.1f}",
                    file.sha256,
                )
            )
            for file in files
        ),
    )  # fmt: skip


def _snapshots(record: BuildRecord) -> PageTable:
    return PageTable(
        id="snapshots",
        heading="Snapshots",
        columns=(
            Column(name="file", kind="mono"), Column(name="V8"), Column(name="size", kind="number"),
            Column(name="SHA-256", kind="mono"),
        ),
        rows=tuple(
            Row(
                cells=(
                    f"{package.package}/{file.path}",
                    f"{file.v8.version}, {file.v8.contexts} contexts" if file.v8 else "",
                    wording.quantity(file.size_bytes, "B"), file.sha256,
                )
            )
            for package in record.subject.snapshots
            for file in package.files
        ),
    )  # fmt: skip


def _tools(record: BuildRecord) -> PageTable:
    return PageTable(
        id="tools",
        heading="Tools",
        columns=(Column(name="tool"), Column(name="version", kind="mono"), Column(name="origin")),
        rows=tuple(Row(cells=(tool.name, tool.version, tool.origin)) for tool in record.subject.toolchain),
    )


def _differences(record: BuildRecord) -> PageTable:
    return PageTable(
        id="differences",
        heading="Unlike the build before it",
        columns=(
            Column(name="part"), Column(name="this", kind="mono"), Column(name="before", kind="mono"),
            Column(name="why"),
        ),
        rows=tuple(Row(cells=(item.part, item.this, item.other, item.reason)) for item in record.differences),
    )  # fmt: skip


def _identity(record: BuildRecord) -> PageTable:
    subject = record.subject
    values = {
        "zip": subject.zip_name,
        "zip, SHA-256": subject.zip_sha256,
        "triple": subject.rust_triple,
        "virtual machine": f"{subject.vm.crate} {subject.vm.crate_version}, V8 {subject.vm.v8_version}",
        "Cargo.lock, SHA-256": subject.lock_sha256,
        "features": ", ".join(subject.features) or "none asked for",
        "default features": "on" if subject.default_features else "off",
        "profile": subject.profile,
        "patches": ", ".join(patch.name for patch in subject.patches) or "none",
        "libraries assumed": ", ".join(subject.assumed_libraries) or "none",
        "toolbox, digest": subject.toolchain_digest,
        **{f"generator of {item.package}, SHA-256": item.generator_sha256 for item in subject.snapshots},
        "packed with": subject.deflate,
        "time of the files, seconds since 1970": str(subject.source_date_epoch_s),
        "executor": _executor(record) or "every snapshot was there already",
    }
    return PageTable(
        id="identity",
        heading="What binds it",
        columns=(Column(name="value"), Column(name="is", kind="mono")),
        rows=tuple(Row(cells=(name, value)) for name, value in values.items()),
    )
