"""Every workspace of `workspaces`: what the lifted build makes is what Cargo alone makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.toolchain import Toolchain

from .lifted_builds import Bench, build_untouched, generate_lock, output_of, snapshot_of_tree
from .workspaces import WORKSPACES


@pytest.mark.parametrize("name", WORKSPACES)
def test_lifted_build_equals_untouched_build(
    name: str, tmp_path: Path, host_toolchain: Toolchain, context: Context
) -> None:
    """Host and target are the same machine here, so Cargo alone makes the right product to compare with."""
    workspace = WORKSPACES[name]
    directory = workspace.write(tmp_path / "the sources")
    generate_lock(directory, host_toolchain)
    bench = Bench(
        workspace=workspace,
        directory=directory,
        work_dir=tmp_path / "work",
        toolchain=host_toolchain,
        context=context,
    )
    before = snapshot_of_tree(tmp_path / "the sources")

    expected = output_of(build_untouched(bench, tmp_path / "untouched"))
    lifted, outcomes = bench.build()

    program = outcomes[-1].executable(lifted.analysis.product.binaries[0])
    assert program
    assert output_of(program) == expected
    assert [package.key.name for package in lifted.analysis.lifted] == list(workspace.lifted)
    assert len(bench.runs()) >= len(workspace.lifted)
    for_target = lifted.call.target_dir / lifted.call.selection.target_triple
    for outcome in outcomes:
        for artifact in outcome.artifacts:
            if artifact.package_id in lifted.vm_package_ids and artifact.target.is_library:
                assert all(file.is_relative_to(for_target) for file in artifact.filenames)
    assert snapshot_of_tree(tmp_path / "the sources") == before
    runs = bench.runs()

    _lifted, again = bench.build()

    assert bench.runs() == runs
    assert all(artifact.fresh for outcome in again for artifact in outcome.artifacts)
