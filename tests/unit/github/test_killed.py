"""A publisher that is killed at any of its requests: running it again ends in exactly one whole release."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.github.publishing import publish
from tests.unit.github.stand_in import Fault, StandIn
from tests.unit.github.test_publish import is_whole
from tests.unit.github.world import Manners, World

ROOT = Path(__file__).parents[3]
SEEDS = range(8)


class Publishers:
    """Publishers in processes of their own, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.number = 0

    def run(self, url: str, directory: Path) -> int:
        """Publish, and return the exit status, negative for a signal."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([url, str(directory)]) + "\n")
        self._process.stdin.flush()
        self.number = int(self._line())
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def kill(self) -> None:
        assert self.number > 1
        os.kill(self.number, signal.SIGKILL)

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    command = [sys.executable, "-m", "tests.unit.github.publishing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Publishers(process)
        finally:
            assert process.stdin
            process.stdin.close()
            assert process.wait(10) == 0


def anew(github: StandIn, manners: Manners | None = None) -> None:
    """Put an empty repository behind the servers."""
    old = github.world
    github.world = World(old.directory, manners)
    github.world.base, github.world.web = old.base, old.web
    github.schedule()


def requests_of_a_publish(github: StandIn, files_dir: Path) -> list[str]:
    publish(github.url, files_dir)
    return list(github.log)


def kills(log: list[str]) -> Iterator[tuple[str, int]]:
    """Every place where a publisher can die: before a request is done, after it, and in the middle of an upload."""
    for nth, operation in enumerate(log, start=1):
        yield "cut", nth
        yield "done-cut", nth
        if operation == "upload-asset":
            yield "half", nth


def test_killed_at_every_step(github: StandIn, files_dir: Path, publishers: Publishers) -> None:
    log = requests_of_a_publish(github, files_dir)
    cases = list(kills(log))
    assert len(cases) == 2 * len(log) + 3
    for kind, nth in cases:
        anew(github)
        github.schedule(Fault(kind, nth=nth, action=publishers.kill))
        assert publishers.run(github.url, files_dir) == -signal.SIGKILL, (kind, nth)
        was_public = [release for release in github.world.releases if not release.draft]
        assert all(len(release.assets) == 3 for release in was_public), (kind, nth)
        github.schedule()
        publish(github.url, files_dir)
        is_whole(github, files_dir)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_again_and_again(seed: int, github: StandIn, files_dir: Path, publishers: Publishers) -> None:
    """Three kills at random requests, one run after the other, while the service has its worse days."""
    dice = random.Random(seed)
    anew(
        github,
        Manners(
            immutable=dice.random() < 0.5,
            digests=dice.random() < 0.5,
            list_lag=dice.choice((0, 1, 2)),
            public_lag=dice.choice((0, 1)),
        ),
    )
    for _run in range(3):
        kind = dice.choice(("cut", "done-cut"))
        github.schedule(Fault(kind, nth=dice.randint(1, 30), action=publishers.kill))
        assert publishers.run(github.url, files_dir) in {-signal.SIGKILL, 0}
    github.schedule()
    publish(github.url, files_dir)
    is_whole(github, files_dir)


def test_the_stand_in_would_show_it(github: StandIn, files_dir: Path) -> None:
    """A publisher that makes the release public first and then dies leaves what these tests look for."""
    github.world.create_release({"tag_name": "v1.2.3", "draft": False})
    with pytest.raises(AssertionError):
        is_whole(github, files_dir)
