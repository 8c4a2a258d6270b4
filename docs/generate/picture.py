"""A picture of the rooms: packages as boxes, those that use nothing at the bottom, an arrow to each that one uses.

Only packages are drawn, and no arrow to what is reached through another one anyway; the table has everything. The
colours are readable on light and on dark pages.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator

from docs.generate.modules import PACKAGE, Room, direct_uses, tiers
from docs.generate.svg import EDGE, FILL, LINE, TEXT, document

_WIDTH, _BOX_HEIGHT, _ROW, _MARGIN, _LETTER = 1000, 30, 86, 20, 8.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Box:
    room: Room
    x: float
    """Of its middle."""
    y: float
    """Of its upper edge."""

    @property
    def width(self) -> float:
        return _width(self.room)


def picture(rooms: tuple[Room, ...]) -> str:
    """Return the picture as SVG."""
    packages = {room.name for room in rooms if (PACKAGE / room.name).is_dir()}
    drawn = tuple(dataclasses.replace(room, uses=room.uses & packages) for room in rooms if room.name in packages)
    rows = tiers(drawn)[::-1]
    boxes = {box.room.name: box for box in _boxes(rows)}
    height = 2 * _MARGIN + (len(rows) - 1) * _ROW + _BOX_HEIGHT
    used = direct_uses(drawn)
    arrows = [_arrow(boxes[name], boxes[target]) for name in boxes for target in sorted(used[name])]
    shapes = [line for box in boxes.values() for line in _drawn(box)]
    return document("Packages of pipeline/ and what they use", [*arrows, *shapes], width=_WIDTH, height=height)


def _boxes(rows: tuple[tuple[Room, ...], ...]) -> Iterator[_Box]:
    placed: dict[str, float] = {}

    def below_users(room: Room) -> tuple[float, str]:
        """Return where its users are in the middle, so that arrows cross less; the name makes it one order."""
        users = [placed[user.name] for row in rows for user in row if room.name in user.uses and user.name in placed]
        return (sum(users) / len(users) if users else _WIDTH / 2, room.name)

    for number, row in enumerate(rows):
        widths = {room.name: _width(room) for room in row}
        gap = (_WIDTH - 2 * _MARGIN - sum(widths.values())) / len(row)
        left = _MARGIN + gap / 2
        middles = dict[str, float]()
        for room in sorted(row, key=below_users):
            middles[room.name] = left + widths[room.name] / 2
            yield _Box(room=room, x=middles[room.name], y=_MARGIN + number * _ROW)
            left += widths[room.name] + gap
        placed |= middles


def _width(room: Room) -> float:
    return len(room.name) * _LETTER + 22


def _arrow(box: _Box, target: _Box) -> str:
    start, end = box.y + _BOX_HEIGHT, target.y
    bend = (end - start) * 0.45
    return (
        f'<path d="M{box.x:.0f} {start:.0f}C{box.x:.0f} {start + bend:.0f} {target.x:.0f} {end - bend:.0f} '
        f'{target.x:.0f} {end:.0f}" fill="none" stroke="{LINE}" stroke-width="1.2" marker-end="url(#tip)"/>'
    )


def _drawn(box: _Box) -> Iterator[str]:
    name = html.escape(box.room.name)
    yield (
        f'<rect x="{box.x - box.width / 2:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{_BOX_HEIGHT}" rx="5" '
        f'fill="{FILL}" stroke="{EDGE}"><title>{html.escape(box.room.summary)}</title></rect>'
    )
    yield f'<text x="{box.x:.0f}" y="{box.y + 20:.0f}" text-anchor="middle" fill="{TEXT}">{name}</text>'
