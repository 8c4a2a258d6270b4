"""The environments that sessions share, made for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.network
@pytest.mark.slow
def test_the_second_run_installs_nothing(tmp_path: Path) -> None:
    """In a copy of the tree: the environment is made once, and again only when pyproject.toml changes."""
    for name in ("noxfile.py", "pyproject.toml", "README.md", "releases.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "pipeline").symlink_to(ROOT / "pipeline")

    def log() -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "nox", "-s", "plan", "--", "-t", "arm64"],
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        assert "arm64" in ended.stdout
        return ended.stderr

    assert "pip install" in log()
    assert "pip install" not in log()
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "# changed\n")
    assert "pip install" in log()
