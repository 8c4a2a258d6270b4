"""The pictures of a build's page as numbers: where boxes, arrows and bars lie. Units are those of the SVG's viewBox."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pipeline.model.events import Where
from pipeline.model.record import BuildRecord, SnapshotRecord, StepRecord, Subject
from pipeline.report import wording

WIDTH = 1000
_BOX_WIDTH, _GAP = 196, 44
_LINE, _HEAD, _PADDING = 16, 20, 14
_LINE_CHARACTERS = 28
_ROW = 20
_LABEL_WIDTH = 285
_LABEL_CHARACTERS = 46
_SECONDS_WIDTH = 75
_STEPS_OF_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_MOST_TICKS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """A thing that something was made of or from."""

    x: int
    y: int
    head: str
    lines: tuple[str, ...]
    full: str
    """All of it, unshortened, for those who point at the box or have it read to them."""
    kind: str = "native"
    width: int = _BOX_WIDTH

    @property
    def height(self) -> int:
        """Return how high it is."""
        return _HEAD + _LINE * len(self.lines) + _PADDING

    @property
    def middle(self) -> int:
        """Return the height at which arrows begin and end."""
        return self.y + self.height // 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain:
    """The provenance picture."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    """Paths, as SVG writes them."""
    height: int
    text: str
    """The same in words."""
    note: str = "everything else, compiled natively"
    """What stands at the arrow that leads past the snapshots."""
    note_x: int = WIDTH // 2
    width: int = WIDTH

    @property
    def note_y(self) -> int:
        """Return the height of the note's base line."""
        return self.height - _PADDING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
    """A line of the timeline's scale."""

    x: float
    label: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """A step on the timeline."""

    title: str
    label: str
    where: Where
    seconds: str
    x: float
    y: int
    width: float
    text_x: float
    anchor: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """The steps one after the other."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    height: int
    width: int = WIDTH


def draw_chain(record: BuildRecord) -> Chain:
    """Return the picture of what went into the product."""
    inputs = _stacked(0, _inputs(record.subject))
    columns: list[list[Box]] = [[], []]
    y = 0
    for snapshot in record.subject.snapshots:
        pair = _pair(record, snapshot, y)
        columns[0].append(pair[0])
        columns[1].append(pair[1])
        y = max(box.y + box.height for box in pair) + _PADDING
    bottom = max(box.y + box.height for box in (*inputs, *columns[0], *columns[1]))
    product = _product(record.subject, bottom)
    boxes = (*inputs, *columns[0], *columns[1], product)
    height = max(box.y + box.height for box in boxes) + 2 * _PADDING
    return Chain(
        boxes=tuple(dataclasses.replace(box, y=box.y + 2) for box in boxes),
        arrows=_arrows(inputs, columns, product, height),
        height=height,
        text="; ".join(box.full for box in boxes),
    )


def draw_timeline(steps: Sequence[StepRecord]) -> Timeline:
    """Return the bars of *steps*, each beginning where the one before it ends."""
    total_s = sum(step.duration_s for step in steps) or 1.0
    room = WIDTH - _LABEL_WIDTH - _SECONDS_WIDTH
    bars, passed_s = [], 0.0
    for number, step in enumerate(steps):
        x = _LABEL_WIDTH + room * passed_s / total_s
        width = max(1.0, room * step.duration_s / total_s)
        bars.append(
            Bar(
                title=step.title,
                label=_short(step.title, _LABEL_CHARACTERS),
                where=step.where,
                seconds=wording.seconds(step.duration_s),
                x=round(x, 1),
                y=18 + number * _ROW,
                width=round(width, 1),
                text_x=round(x + width + 5, 1),
                anchor="start",
            )
        )
        passed_s += step.duration_s
    return Timeline(bars=tuple(bars), ticks=_ticks(total_s, room), height=18 + len(bars) * _ROW + 4)


def _ticks(total_s: float, room: int) -> tuple[Tick, ...]:
    step_s = next((step_s for step_s in _STEPS_OF_TICKS if total_s / step_s <= _MOST_TICKS), total_s)
    return tuple(
        Tick(
            x=round(_LABEL_WIDTH + room * number * step_s / total_s, 1),
            label=_tick_label(number * step_s, step_s),
        )
        for number in range(int(total_s / step_s) + 1)
    )


def _tick_label(duration_s: float, step_s: float) -> str:
    if not duration_s:
        return "0"
    in_minutes = step_s >= 60 and step_s % 60 == 0
    return f"{duration_s / 60:.0f} min" if in_minutes else wording.seconds(duration_s)


def _inputs(subject: Subject) -> tuple[tuple[str, tuple[str, ...]], ...]:
    tools = tuple(f"{tool.name} {tool.version}" for tool in subject.toolchain[:3])
    patches = f"{len(subject.patches)} patches" if len(subject.patches) != 1 else "1 patch"
    return (
        (
            "source",
            (
                f"{subject.name} {subject.version}",
                f"Cargo.lock {_digest(subject.lock_sha256)}",
                f"profile {subject.profile}, {patches}",
            ),
        ),
        ("virtual machine", (f"{subject.vm.crate} {subject.vm.crate_version}", f"V8 {subject.vm.v8_version}")),
        ("toolbox", (*tools, f"packages {_digest(subject.toolchain_digest)}")),
    )


def _stacked(x: int, contents: Sequence[tuple[str, tuple[str, ...]]]) -> list[Box]:
    boxes: list[Box] = []
    for head, lines in contents:
        y = boxes[-1].y + boxes[-1].height + _PADDING if boxes else 0
        boxes.append(_box(x, y, head, lines))
    return boxes


def _pair(record: BuildRecord, snapshot: SnapshotRecord, y: int) -> tuple[Box, Box]:
    """Return the boxes of a generator and of what it made."""
    executor = record.executor
    way = (executor.name, f"{executor.version}, {executor.cpu_model}") if executor else ("made before", "")
    generator = _box(
        _BOX_WIDTH + _GAP, y, "generator",
        (f"{snapshot.package} {snapshot.version}", f"sha256 {_digest(snapshot.generator_sha256)}"),
    )  # fmt: skip
    blobs = [file for file in snapshot.files if file.v8]
    lines = [f"{file.path}, {wording.quantity(file.size_bytes, 'B')}" for file in blobs[:2]]
    lines += [f"sha256 {_digest(file.sha256)}" for file in blobs[:1]]
    ran = f"by {way[0]} {way[1]}".strip()
    made = _box(2 * (_BOX_WIDTH + _GAP), y, f"snapshot, {_count(snapshot.files)}", (*lines, ran))
    return generator, dataclasses.replace(made, kind="emulated")


def _product(subject: Subject, bottom: int) -> Box:
    lines = (
        subject.zip_name,
        f"{wording.quantity(subject.zip_size_bytes, 'B')}, {_count(subject.files)}",
        f"sha256 {_digest(subject.zip_sha256)}",
        f"needs glibc {subject.glibc_floor}" if subject.glibc_floor else "needs no glibc",
    )
    box = _box(3 * (_BOX_WIDTH + _GAP), 0, "product", lines)
    return dataclasses.replace(box, y=max(0, bottom // 2 - box.height // 2), width=WIDTH - box.x - 2)


def _box(x: int, y: int, head: str, lines: Sequence[str]) -> Box:
    shown = tuple(_short(line, _LINE_CHARACTERS) for line in lines)
    return Box(x=x + 2, y=y, head=head, lines=shown, full=f"{head}: {', '.join(lines)}")


def _arrows(inputs: list[Box], columns: list[list[Box]], product: Box, height: int) -> tuple[str, ...]:
    arrows = []
    for generator, made in zip(*columns, strict=True):
        arrows += [_arrow(box, generator) for box in inputs]
        arrows += [_arrow(generator, made), _arrow(made, product)]
    # What is compiled natively reaches the product without a detour: below everything.
    low = height - _PADDING // 2
    start, end = inputs[-1], product
    arrows.append(
        f"M{start.x + start.width} {start.middle + 12} C{start.x + start.width + 40} {low} "
        f"{start.x + start.width + 60} {low} {start.x + start.width + 120} {low} L{end.x - 40} {low} "
        f"C{end.x + 40} {low} {end.x + 60} {low} {end.x + 60} {end.y + end.height + 4}"
    )
    return tuple(arrows)


def _arrow(start: Box, end: Box) -> str:
    x1, y1, x2, y2 = start.x + start.width, start.middle + 2, end.x, end.middle + 2
    bend = (x2 - x1) // 2
    return f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 2} {y2}"


def _digest(sha256: str) -> str:
    return f"{wording.short_digest(sha256)}…"


def _count(files: Sequence[object]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
