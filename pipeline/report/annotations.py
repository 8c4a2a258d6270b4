"""Lines that GitHub shows beside a run, whatever the log's length.

Source: GitHub's "Workflow commands for GitHub Actions" (``::warning title=…::message``), and the runner's escapes
(``ActionCommand.cs``): data has ``%``, CR and LF escaped, properties ``:`` and ``,`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def wants_annotations(environ: Mapping[str, str]) -> bool:
    """Tell whether GitHub reads what we say."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotation(kind: Literal["error", "warning"], title: str, text: str) -> str:
    """Return the line, with its end; it has to stand alone."""
    return f"::{kind} title={title.translate(_PROPERTY)}::{text.translate(_DATA)}\n"
