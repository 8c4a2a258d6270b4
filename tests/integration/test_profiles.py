"""Profiles that come as data: Cargo's own unit graph says how each unit of either phase is compiled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.cargo import UnitGraph
from pipeline.model.spec.profiles import Profiles, chosen, profile_settings
from pipeline.model.toolchain import Toolchain
from pipeline.processes import proc
from pipeline.rust import cargo
from pipeline.workbench.lift import enter_generator_form

from .lifted_builds import Bench
from .published import Shelf
from .workspaces import APP_MAIN, SNAP_BUILD, SNAP_LIB, VM_FILES, Workspace, manifest

PROFILES: Profiles = {
    "release": {
        "opt-level": "z",
        "lto": True,
        "codegen-units": 1,
        "package": {"v8": {"opt-level": 3}, "snap@1": {"opt-level": 2}, "helper": {"opt-level": 3}},
    },
    "fast": {"inherits": "release", "opt-level": 1, "lto": False, "codegen-units": 16},
}
CRATES = {
    **VM_FILES,
    "helper/Cargo.toml": manifest("helper"),
    "helper/src/lib.rs": "",
    "other/Cargo.toml": manifest("other"),
    "other/src/lib.rs": "",
    "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = "1"', head='build = "build.rs"'),
    "snap/build.rs": SNAP_BUILD,
    "snap/src/lib.rs": SNAP_LIB,
    "plain/Cargo.toml": manifest("plain", '[build-dependencies]\nhelper = "1"\nother = "1"', head='build = "build.rs"'),
    "plain/build.rs": "fn main() {}",
    "plain/src/lib.rs": "",
}
APP = {
    "app/Cargo.toml": manifest("app", '[dependencies]\nsnap = "1"\nplain = "1"\nv8 = "1"\n[workspace]'),
    "app/src/main.rs": APP_MAIN,
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a registry with the VM, and a crate whose script makes a snapshot."""
    shelf = Shelf.at(tmp_path / "shelf")
    shelf.publish(CRATES)
    return shelf


def bench_of(profile: str, tmp_path: Path, shelf: Shelf, toolchain: Toolchain, context: Context) -> Bench:
    settings = profile_settings(chosen(PROFILES, profile))
    workspace = Workspace(files=APP, root="app", profile=profile, settings=settings)
    directory = workspace.write(tmp_path / "the sources")
    environ = {**os.environ, "CARGO_HOME": str(shelf.cargo_home)}
    env = proc.base_environment(environ) | dict(toolchain.env)
    proc.check(proc.Command(argv=(str(toolchain.cargo), "fetch"), env=env, cwd=directory))
    return Bench(
        workspace=workspace,
        directory=directory,
        work_dir=tmp_path / "work",
        toolchain=toolchain,
        context=Context(cache_dir=context.cache_dir, reporter=context.reporter, environ=environ, offline=True),
    )


def opt_levels(graph: UnitGraph) -> dict[tuple[str, str], str]:
    """Return how libraries, programs and build scripts are optimised, by crate and by what they are for."""
    return {
        (unit.target.name, "target" if unit.platform else "host"): unit.profile.opt_level
        for unit in graph.units
        if not unit.runs_script
    }


@pytest.mark.parametrize(
    ("profile", "own", "vm", "snap", "lto"),
    [("release", "z", "3", "2", "true"), ("fast", "1", "1", "1", "false")],
)
def test_every_unit_is_compiled_as_the_profile_says(  # noqa: PLR0917 - fixtures beside the cases
    profile: str,
    own: str,
    vm: str,
    snap: str,
    lto: str,
    tmp_path: Path,
    shelf: Shelf,
    host_toolchain: Toolchain,
    context: Context,
) -> None:
    """`fast` inherits from Cargo's release: nothing of the overrides beside it may reach it."""
    bench = bench_of(profile, tmp_path, shelf, host_toolchain, context)
    lifted = bench.lift()
    product = cargo.unit_graph(lifted.call, lifted.product)
    [generator] = lifted.generators
    enter_generator_form(lifted, generator)
    made = cargo.unit_graph(lifted.call, generator.goal)

    for_product = opt_levels(product)
    for_generator = opt_levels(made)
    assert (for_product["app", "target"], for_product["v8", "target"]) == (own, vm)
    assert (for_product["snap", "target"], for_generator[generator.binary, "target"]) == (snap, snap)
    assert for_generator["v8", "target"] == vm
    # Overrides are for a package wherever it is compiled; what has none is not optimised for the host.
    helper = "3" if profile == "release" else "0"
    assert (for_product["helper", "host"], for_product["other", "host"]) == (helper, "0")
    compiled = [unit for graph in (product, made) for unit in graph.units if unit.platform and not unit.runs_script]
    assert {unit.profile.lto for unit in compiled} == {lto}
