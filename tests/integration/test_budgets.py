"""What a build may cost, by figures that do not depend on how busy the machine is: units, and processor seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.measuring import measured

from .command import ROOT, Cli, Ended
from .products import PRIVATE

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

EMULATED_CPU_S = 3.0
UNCHANGED_CPU_S = 3.0
LARGE_TREE_SHARE = 0.8
"""Of the units of a plain native build, where the build script's closure is most of the tree."""


@pytest.mark.parametrize(("runtime", "share"), [("pico", 1.0), ("deno-core-app", LARGE_TREE_SHARE)])
def test_no_more_units_than_a_plain_native_build(cli: Cli, runtime: str, share: float) -> None:
    ended = cli.run("plan", "--units", "--runtime", runtime, "--target", "arm64")
    assert ended.exit_code == 0, ended.stderr
    total = ended.result["units"][0]["total"]
    assert total["both"] <= share * total["native"]


def test_a_build_from_nothing_emulates_for_seconds_and_the_next_one_costs_little(cli: Cli, tmp_path: Path) -> None:
    def build(*options: str) -> tuple[float, dict[str, Any]]:
        argv = cli.argv("build", "--target", "arm64", "--toolchain", PRIVATE, "--out", tmp_path / "dist", *options)
        usage = measured(argv, cwd=ROOT, env=cli.environ(), log=tmp_path / "log")
        ended = Ended(exit_code=usage.exit_code, stdout=usage.stdout, stderr=(tmp_path / "log").read_text())
        return usage.cpu_s, ended.outcome()

    _, first = build("--fresh-snapshot")
    assert 0 < first["emulated_cpu_s"] <= EMULATED_CPU_S
    unchanged_cpu_s, second = build()
    assert second["emulated_cpu_s"] == 0
    assert unchanged_cpu_s <= UNCHANGED_CPU_S
