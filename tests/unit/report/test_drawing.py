"""The pictures of the page: nothing lies on top of something else or outside, and bars are as long as their times."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from pipeline.model.events import Where
from pipeline.model.record import StepRecord
from pipeline.report.drawing import WIDTH, Box, draw_chain, draw_timeline
from tests.unit.proof.products import make_product


def overlap(one: Box, two: Box) -> bool:
    across = one.x < two.x + two.width and two.x < one.x + one.width
    return across and one.y < two.y + two.height and two.y < one.y + one.height


@pytest.mark.parametrize("snapshots", [0, 1, 2, 6])
def test_boxes_lie_apart_and_inside(tmp_path: Path, snapshots: int) -> None:
    record = make_product(tmp_path).made
    subject = record.subject.model_copy(update={"snapshots": record.subject.snapshots * snapshots})
    chain = draw_chain(record.model_copy(update={"subject": subject}))
    assert len(chain.boxes) == 4 + 2 * snapshots
    assert [pair for pair in itertools.combinations(chain.boxes, 2) if overlap(*pair)] == []
    assert all(box.x > 0 and box.x + box.width <= WIDTH and box.y + box.height <= chain.height for box in chain.boxes)
    assert len(chain.arrows) == 1 + 5 * snapshots


def test_long_names_are_shortened_and_kept(tmp_path: Path) -> None:
    record = make_product(tmp_path).made
    subject = record.subject.model_copy(update={"zip_name": "a" * 100})
    product = draw_chain(record.model_copy(update={"subject": subject})).boxes[-1]
    assert product.lines[0] == "a" * 27 + "…"
    assert "a" * 100 in product.full


def step(duration_s: float, where: Where = Where.NATIVE) -> StepRecord:
    return StepRecord(title="x", where=where, duration_s=duration_s)


def test_bars_follow_one_another_and_are_as_long_as_their_times() -> None:
    timeline = draw_timeline([step(10), step(30, Where.EMULATED), step(0), step(60, Where.NETWORK)])
    first, second, third, last = timeline.bars
    assert second.width == pytest.approx(3 * first.width, abs=0.2)
    assert last.width == pytest.approx(6 * first.width, abs=0.2)
    assert second.x == pytest.approx(first.x + first.width, abs=0.2)
    assert third.width == 1.0
    assert last.x + last.width < WIDTH
    assert [tick.label for tick in timeline.ticks] == ["0", "20.0 s", "40.0 s", "60.0 s", "80.0 s", "1 min 40 s"]


def test_a_scale_of_minutes_is_in_minutes() -> None:
    labels = [tick.label for tick in draw_timeline([step(250)]).ticks]
    assert labels == ["0", "1 min", "2 min", "3 min", "4 min"]


@pytest.mark.parametrize("total_s", [0.0, 0.05, 3.0, 59.0, 5000.0, 1e6])
def test_the_scale_stays_readable(total_s: float) -> None:
    ticks = draw_timeline([step(total_s)]).ticks
    assert 1 <= len(ticks) <= 9
    assert draw_timeline([]).bars == ()
