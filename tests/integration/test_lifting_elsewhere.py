"""Lifted packages that come from a registry, from a repository, or from a fork that is patched in."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline import proc
from pipeline.cargo import BuildOutcome
from pipeline.context import Context
from pipeline.errors import LiftError
from pipeline.model.analysis import Origin
from pipeline.model.toolchain import Toolchain
from pipeline.stages.lift import Lift

from .lifted_builds import Bench, build_untouched, output_of, snapshot_of_tree
from .published import Shelf, commit
from .workspaces import APP_MAIN, SNAP_BUILD, SNAP_LIB, VM_FILES, WRITE, Workspace, manifest, virtual

HELPER_LIB = 'pub const NAME: &str = if cfg!(feature = "more") { "more" } else { "less" };\n'
SNAP_FILES = {
    "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = "1"', head='build = "build.rs"'),
    "snap/Cargo.toml.orig": "not for Cargo",
    "snap/build.rs": SNAP_BUILD,
    "snap/src/lib.rs": SNAP_LIB,
}
APP_FILES = {
    "app/Cargo.toml": manifest("app", '[dependencies]\nsnap = "1"\nv8 = "1"\n[workspace]\nresolver = "2"'),
    "app/src/main.rs": APP_MAIN,
}

Layout = Callable[..., Bench]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a registry with the VM."""
    shelf = Shelf.at(tmp_path / "shelf")
    shelf.publish(VM_FILES)
    return shelf


@pytest.fixture
def lay_out(tmp_path: Path, shelf: Shelf, host_toolchain: Toolchain, context: Context) -> Layout:
    """Return a function that lays a workspace out, with a lock file; its crates come from the shelf."""

    def new(files: Mapping[str, str], **facts: object) -> Bench:
        workspace = dataclasses.replace(Workspace(files=files, root="app"), **facts)  # type: ignore[arg-type]
        directory = workspace.write(tmp_path / "the sources")
        environ = {**os.environ, "CARGO_HOME": str(shelf.cargo_home)}
        env = proc.base_environment(environ) | dict(host_toolchain.env)
        # It also brings the crates here; nothing of it leaves this machine.
        proc.check(proc.Command(argv=(str(host_toolchain.cargo), "fetch"), env=env, cwd=directory))
        return Bench(
            workspace=workspace,
            directory=directory,
            work_dir=tmp_path / "work",
            toolchain=host_toolchain,
            context=dataclasses.replace(context, environ=environ),
        )

    return new


def check(bench: Bench, *, expected: str | None = None) -> Lift:
    """Build twice; the first result is that of an untouched build, and the second build does nothing."""
    homes = (bench.directory, Path(bench.context.environ["CARGO_HOME"]) / "registry" / "src")
    plain = output_of(build_untouched(bench, bench.work_dir.with_name("untouched")))
    before = [snapshot_of_tree(home) for home in homes if home.exists()]
    lifted, outcomes = bench.build()
    program = outcomes[-1].executable(lifted.analysis.product.binaries[0])
    assert program
    assert output_of(program) == (expected or plain)
    assert sorted(package.key.name for package in lifted.analysis.lifted) == sorted(bench.workspace.lifted)
    assert vm_artifacts(lifted, outcomes)
    runs = bench.runs()
    assert runs
    _lifted, again = bench.build()
    assert bench.runs() == runs
    assert all(artifact.fresh for outcome in again for artifact in outcome.artifacts)
    assert [snapshot_of_tree(home) for home in homes if home.exists()] == before
    return lifted


def vm_artifacts(lifted: Lift, outcomes: list[BuildOutcome]) -> int:
    """Return how many libraries of the VM were compiled, all of them for the target."""
    for_target = lifted.call.target_dir / lifted.call.selection.target_triple
    files = [
        file
        for outcome in outcomes
        for artifact in outcome.artifacts
        if artifact.package_id in lifted.vm_package_ids and artifact.target.is_library
        for file in artifact.filenames
    ]
    assert all(file.is_relative_to(for_target) for file in files)
    return len(files)


def test_package_of_a_registry(shelf: Shelf, lay_out: Layout) -> None:
    shelf.publish(SNAP_FILES)
    lifted = check(lay_out(APP_FILES))
    [package] = lifted.analysis.lifted
    assert package.origin is Origin.REGISTRY
    copy = lifted.copies.manifest(package).parent
    assert (copy / "build.rs").read_text() == SNAP_BUILD
    assert not (copy / "Cargo.toml.orig").exists()


def test_published_program_with_its_own_lock(shelf: Shelf, lay_out: Layout) -> None:
    """Its own build script makes a snapshot, and so does one of a crate that it depends on."""
    shelf.publish(SNAP_FILES)
    text = manifest(
        "app",
        '[dependencies]\nsnap = "1"\nv8 = { version = "1", features = ["icu"] }\n'
        '[build-dependencies]\nv8 = { version = "1", features = ["jit"] }',
    )
    main = 'fn main() { println!("{} {}", snap::SNAPSHOT, include_str!(concat!(env!("OUT_DIR"), "/snapshot.txt"))); }'
    files = {"app/Cargo.toml": text, "app/build.rs": SNAP_BUILD.replace('"snap"', '"app"'), "app/src/main.rs": main}
    # Both generators are compiled from the very crates that the product is compiled from.
    lifted = check(lay_out(files, lifted=("app", "snap")), expected="heap(snap)[icu+jit] heap(app)[icu+jit]\n")
    assert [package.key.name for package in lifted.analysis.lifted] == ["snap", "app"]
