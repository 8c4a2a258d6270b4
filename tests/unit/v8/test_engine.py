"""The version string of a program, told from those of its snapshots and from longer ones."""

from __future__ import annotations

import pytest

from pipeline.v8.engine import names_engine

VERSION = "13.7.152.6-rusty"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\0" + VERSION.encode() + b"\0", True),
        (VERSION.encode() + b"\0", True),
        # Laid behind a text without NUL, as in official programs of Deno 2.3.
        (b"V8-Version" + VERSION.encode() + b"\0Cannot start", True),
        (b"\0" + VERSION.encode() + b"-more\0", False),
        (b"\x001" + VERSION.encode() + b"\0", False),
        (b"\0004." + VERSION.encode() + b"\0", False),
        (b"", False),
    ],
)
def test_a_version_of_its_own(data: bytes, named: bool) -> None:
    assert names_engine(data, VERSION, ()) is named
