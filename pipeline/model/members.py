"""A file that was taken out of an archive to be looked at, without trusting its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

HEAD_BYTES = 4096
"""How much of a member is shown to a Choice."""

Choice: TypeAlias = Callable[[str, int, bytes], bool]
"""Tells, by name, size and the first HEAD_BYTES, whether a member is wanted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A file of an archive, a directory or an image."""

    name: str
    """Inside the archive, with forward slashes."""
    path: Path | None
    """Where its content lies on this machine, under a name of ours; None: it was not wanted, or is a link."""
    size_bytes: int = 0
    link_to: str | None = None
    """Where a symbolic link leads, as it says."""
