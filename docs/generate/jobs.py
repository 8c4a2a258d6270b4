"""A picture of the three jobs that make a snapshot on another machine; drawn here, so that the site loads no script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docs.generate.svg import EDGE, FILL, LINE, TEXT, document

_JOBS: Final = (("generator", "x86-64"), ("snapshot", "arm64"), ("stitch", "x86-64"), ("release", ""))
_HANDED_ON: Final = ("generator-…: .tar.gz", "snapshot-…: .tar.gz", "product-…")
_OTHER: Final = "snapshot"
"""The job that runs programs of the target."""
_WIDTH, _HEIGHT, _GAP, _MARGIN = 120, 52, 170, 10
_PLAIN: Final = (FILL, EDGE)
_TARGET: Final = ("#f9e2af", "#b58900")
"""Colours of a job's inside and edge."""


def jobs_picture() -> str:
    """Return the picture as SVG."""
    width = 2 * _MARGIN + len(_JOBS) * _WIDTH + (len(_JOBS) - 1) * _GAP
    title = "generator, snapshot, stitch, release: what each job hands to the next one"
    shapes = [line for number in range(len(_JOBS)) for line in (*_job(number), *_handed_on(number))]
    return document(title, shapes, width=width, height=_HEIGHT + 2 * _MARGIN)


def _left(number: int) -> int:
    return _MARGIN + number * (_WIDTH + _GAP)


def _job(number: int) -> Iterator[str]:
    name, machine = _JOBS[number]
    (fill, edge), round_px = (_TARGET, _HEIGHT // 2) if name == _OTHER else (_PLAIN, 5)
    middle = _left(number) + _WIDTH // 2
    yield (
        f'<rect x="{_left(number)}" y="{_MARGIN}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_px}" '
        f'fill="{fill}" stroke="{edge}"/>'
    )
    for place, text in enumerate((name, machine) if machine else (name,)):
        height = _MARGIN + (22 if machine else 30) + 18 * place
        yield f'<text x="{middle}" y="{height}" text-anchor="middle" fill="{TEXT}">{text}</text>'


def _handed_on(number: int) -> Iterator[str]:
    if number < len(_HANDED_ON):
        start, end, height = _left(number) + _WIDTH, _left(number + 1), _MARGIN + _HEIGHT // 2
        yield f'<path d="M{start} {height}H{end}" stroke="{LINE}" stroke-width="1.2" marker-end="url(#tip)"/>'
        yield (
            f'<text x="{(start + end) // 2}" y="{height - 8}" text-anchor="middle" font-size="12" fill="{LINE}">'
            f"{_HANDED_ON[number]}</text>"
        )
