"""Two connected programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ProcessFailedError
from pipeline.processes.proc import Command, pipe


def sh(script: str) -> Command:
    return Command(argv=("sh", "-c", script), env={"PATH": "/usr/bin:/bin"}, timeout_s=20)


def test_the_output_of_one_is_the_input_of_the_other(tmp_path: Path) -> None:
    pipe(sh("seq 1 100000"), sh(f"sort -n | tail -1 > '{tmp_path}/last'"))
    assert (tmp_path / "last").read_text() == "100000\n"


def test_a_failing_producer_is_not_hidden_by_a_content_consumer() -> None:
    with pytest.raises(ProcessFailedError) as caught:
        pipe(sh("echo half; echo oops >&2; exit 3"), sh("cat > /dev/null"))
    assert caught.value.what == "sh ended with exit status 3"
    assert caught.value.details == "oops\n"


def test_a_consumer_that_dies_ends_the_producer() -> None:
    with pytest.raises(ProcessFailedError) as caught:
        pipe(sh("exec yes"), sh("echo no room >&2; exit 2"))
    assert "no room" in caught.value.details
