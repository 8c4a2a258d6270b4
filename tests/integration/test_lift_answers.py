"""A second lift asks Cargo nothing; after any change it asks again, and finds what there is now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import LockChangedError
from pipeline.model.toolchain import Toolchain

from .lifted_builds import Bench, generate_lock
from .workspaces import WORKSPACES


@pytest.fixture
def bench(tmp_path: Path, host_toolchain: Toolchain, context: Context) -> Bench:
    """Return a workspace with a Cargo that writes down each of its calls."""
    workspace = WORKSPACES["plain"]
    directory = workspace.write(tmp_path / "sources")
    generate_lock(directory, host_toolchain)
    logging = tmp_path / "cargo"
    logging.write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path}/calls"\nexec "{host_toolchain.cargo}" "$@"\n')
    logging.chmod(0o755)
    return Bench(
        workspace=workspace,
        directory=directory,
        work_dir=tmp_path / "work",
        toolchain=dataclasses.replace(host_toolchain, cargo=logging),
        context=context,
    )


def calls(bench: Bench) -> int:
    """Return how often Cargo was started since the last time."""
    log = bench.directory.parent / "calls"
    count = len(log.read_text().splitlines()) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


def test_nothing_is_asked_twice(bench: Bench) -> None:
    first = bench.lift()
    assert calls(bench) > 0
    second = bench.lift()
    assert calls(bench) == 0
    assert [generator.manifest for generator in second.generators] == [g.manifest for g in first.generators]
    assert (second.product, second.lifted_ids) == (first.product, first.lifted_ids)


def add_program(bench: Bench) -> object:
    (bench.directory / "app/src/bin").mkdir()
    return (bench.directory / "app/src/bin/second.rs").write_text("fn main() {}")


def add_configuration(bench: Bench) -> object:
    (bench.directory / ".cargo").mkdir()
    return (bench.directory / ".cargo/config.toml").write_text("[net]\nretry = 1\n")


def add_feature(bench: Bench) -> object:
    manifest = bench.directory / "app/Cargo.toml"
    return manifest.write_text(manifest.read_text() + "[features]\nextra = []\n")


@pytest.mark.parametrize("change", [add_program, add_configuration, add_feature])
def test_a_change_is_asked_about(bench: Bench, change: Callable[[Bench], object]) -> None:
    bench.lift()
    calls(bench)
    change(bench)
    lifted = bench.lift()
    assert calls(bench) > 0
    programs = ("app", "second") if change is add_program else ("app",)
    assert lifted.analysis.product.binaries == programs


def test_a_manifest_that_does_not_fit_the_lock_any_more_is_refused(bench: Bench) -> None:
    bench.lift()
    manifest = bench.directory / "v8/Cargo.toml"
    manifest.write_text(manifest.read_text().replace("1.0.0", "2.0.0"))
    with pytest.raises(LockChangedError):
        bench.lift()
    manifest.write_text(manifest.read_text().replace("2.0.0", "1.0.0"))
    calls(bench)
    bench.lift()
    assert calls(bench) == 0
