"""What Cargo says about path overrides at each call: meant for people who edit dependencies by accident, not for us."""

from __future__ import annotations

from collections.abc import Iterable

_FIRST = "warning: path override for crate "
_LAST = "overriding-dependencies.html"
_LONGEST = 20
"""Lines; it has been 14 since Cargo 1.12. Should it change, other lines must not get lost."""


class OverrideWarnings:
    """Tells the lines of such warnings from all others, in the order in which Cargo prints them."""

    def __init__(self) -> None:
        """Begin outside of a warning."""
        self._left = 0

    def includes(self, line: str) -> bool:
        """Return whether the next line belongs to a warning."""
        if line.startswith(_FIRST):
            self._left = _LONGEST
        if not self._left:
            return False
        self._left = 0 if line.endswith(_LAST) else self._left - 1
        return True


def without_override_warnings(lines: Iterable[str]) -> list[str]:
    """Return *lines* without such warnings."""
    warnings = OverrideWarnings()
    return [line for line in lines if not warnings.includes(line)]
