"""The stand-in for GitHub, and files to publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.github.publishing import write_files
from tests.unit.github.stand_in import StandIn, serving
from tests.unit.github.world import World


@pytest.fixture
def github(tmp_path: Path) -> Iterator[StandIn]:
    stored = tmp_path / "stored"
    stored.mkdir()
    with serving(World(stored)) as stand_in:
        yield stand_in


@pytest.fixture
def files_dir(tmp_path: Path) -> Path:
    write_files(tmp_path / "dist")
    return tmp_path / "dist"
