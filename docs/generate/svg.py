"""What generated pictures have in common: colours that are readable on light and on dark pages, an arrow's tip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LINE: Final = "#8a8f98"
FILL, EDGE, TEXT = "#dce7f5", "#3b6ea5", "#10243b"
"""Of a box: inside, edge, what stands in it."""
_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0 8 4 0 8z" fill="{LINE}"/></marker></defs>'
)


def document(title: str, shapes: Iterable[str], *, width: int, height: int) -> str:
    """Return the whole file; arrows end with ``marker-end="url(#tip)"``."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">'
    )
    return "\n".join([head, f"<title>{title}</title>", _TIP, *shapes, "</svg>\n"])
