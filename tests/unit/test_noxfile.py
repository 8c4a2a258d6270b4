"""The sessions, as nox lists them; and a noxfile that knows nothing of the pipeline but its command line."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.model.spec.prebuilds import PREBUILD_TARGETS
from pipeline.model.target import TARGETS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sessions() -> dict[str, str]:
    """Every session with its description: ``nox --list --json`` would give only those that run by default."""
    ended = subprocess.run(
        [sys.executable, "-m", "nox", "--list"],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return dict(re.findall(r"^[*-] (\S+)(?: -> (.*))?$", ended.stdout, re.MULTILINE))


@pytest.mark.parametrize("verb", ["build", "generator", "snapshot", "stitch", "root", "v8"])
def test_every_target_has_a_session(sessions: dict[str, str], verb: str) -> None:
    assert {name for name in sessions if name.startswith(f"{verb}-")} == {f"{verb}-{target.name}" for target in TARGETS}


def test_targets_of_prebuilds_have_sessions(sessions: dict[str, str]) -> None:
    assert {n for n in sessions if n.startswith("prebuild-")} == {f"prebuild-{name}" for name in PREBUILD_TARGETS}


def test_every_session_is_described_in_a_sentence(sessions: dict[str, str]) -> None:
    assert [name for name, text in sessions.items() if not text or not text.endswith(".")] == []


def test_the_sessions_of_the_readme(sessions: dict[str, str]) -> None:
    assert {"build-arm64", "tests", "unit", "lint", "types", "doctor", "plan"} <= set(sessions)


def test_it_imports_nox_and_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"nox"}
