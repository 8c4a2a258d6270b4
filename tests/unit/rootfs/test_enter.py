"""Directories of runs: each goes when its run ends, and what a killed one left goes with the next."""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.rootfs.enter import run_directory
from pipeline.rootfs.plan import roots_dir


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(cache_dir=tmp_path, reporter=NullReporter(), environ=dict(os.environ))


def test_runs_that_begin_while_others_end(context: Context) -> None:
    """One that sweeps must not find a directory that is just being removed: both would fail."""

    def run() -> None:
        for _ in range(10):
            with run_directory(context) as directory:
                for number in range(50):
                    (directory / f"{number}.txt").touch()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(run) for _ in range(4)]:
            job.result()
    assert list((roots_dir(context) / "runs").iterdir()) == []


def test_what_a_killed_run_left(context: Context) -> None:
    """It was killed while it cleaned up, or before it had written anything."""
    left = roots_dir(context) / "runs/left"
    left.mkdir(parents=True)
    (left / "lock").touch()
    with run_directory(context) as directory:
        assert [path.name for path in (roots_dir(context) / "runs").iterdir()] == [directory.name]
