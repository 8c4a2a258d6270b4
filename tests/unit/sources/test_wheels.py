"""Wheels that are had, and those that are not; pip itself runs in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import NetworkError, ToolboxError
from pipeline.model.events import NullReporter
from pipeline.sources.wheels import Wheel, ensure_wheel

WHEEL = Wheel(name="not-a-wheel", version="1.0", platforms=("manylinux_2_28_x86_64",))


def context(tmp_path: Path, **environ: str) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={"PATH": "/usr/bin:/bin"} | environ)


def test_what_is_there_is_taken(tmp_path: Path) -> None:
    place = tmp_path / "cache/wheels/not-a-wheel-1.0-manylinux_2_28_x86_64"
    place.mkdir(parents=True)
    assert ensure_wheel(WHEEL, context(tmp_path)) == place


def test_a_wheel_that_no_index_has(tmp_path: Path) -> None:
    """pip looks in one directory only: its own settings decide where."""
    (tmp_path / "not_a_wheel-2.0-py3-none-manylinux_2_28_x86_64.whl").touch()
    found = context(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    with pytest.raises(ToolboxError) as caught:
        ensure_wheel(WHEEL, found)
    assert caught.value.what == "pip cannot get not-a-wheel 1.0 for manylinux_2_28_x86_64"
    assert caught.value.cause == "it has other versions, or other platforms"
    assert "-m pip download --no-deps" in caught.value.action


def test_no_network(tmp_path: Path) -> None:
    found = context(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0", PIP_FIND_LINKS="")
    with pytest.raises(NetworkError) as caught:
        ensure_wheel(WHEEL, found)
    assert caught.value.cause == "no network, an index that cannot be reached, or that lacks it"


def test_a_python_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2; exit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(ToolboxError, match="the Python that runs this has no pip"):
        ensure_wheel(WHEEL, context(tmp_path))
