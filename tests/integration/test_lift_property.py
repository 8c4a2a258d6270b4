"""Generated workspaces: what Cargo would build before and after a lift.

The comparison reads Cargo's unit graphs by itself and shares no code with the one in the product.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from pipeline.context import Context
from pipeline.errors import LiftError, ProcessFailedError
from pipeline.model.cargo import Unit, UnitGraph
from pipeline.model.toolchain import Toolchain
from pipeline.rust import cargo
from pipeline.rust.cargo import Goal
from pipeline.workbench.lift import enter_generator_form, enter_product_form

from .lifted_builds import Bench, generate_lock
from .workspaces import Workspace

HELPERS = ("h0", "h1", "h2", "h3")
FEATURES = ("fa", "fb", "fc")
CONDITIONS = ("", "cfg(unix)", "cfg(windows)", 'cfg(target_os = "linux")')

UnitKey = tuple[str, str, str, tuple[str, ...], str]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a dependency table."""

    crate: str
    table: str
    condition: str
    features: tuple[str, ...]
    default: bool
    optional: bool
    renamed: bool

    def line(self, *, directory: str) -> str:
        key = f"{self.crate}-renamed" if self.renamed else self.crate
        parts = [f'path = "{directory}/{self.crate}"', f"features = {list(self.features)}".replace("'", '"')]
        if self.renamed:
            parts.append(f'package = "{self.crate}"')
        if not self.default:
            parts.append("default-features = false")
        if self.optional:
            parts.append("optional = true")
        return f"{key} = {{ {', '.join(parts)} }}"


def entries(crates: tuple[str, ...], tables: tuple[str, ...]) -> st.SearchStrategy[list[Entry]]:
    """Return at most one entry a crate, table and condition; a crate has one name wherever it is listed."""

    @st.composite
    def build(draw: st.DrawFn) -> list[Entry]:
        found = []
        for crate in draw(st.lists(st.sampled_from(crates), unique=True)) if crates else []:
            renamed = draw(st.booleans())
            places = draw(
                st.lists(st.tuples(st.sampled_from(tables), st.sampled_from(CONDITIONS)), min_size=1, unique=True)
            )
            for table, condition in places:
                found.append(
                    Entry(
                        crate,
                        table,
                        condition,
                        tuple(draw(st.lists(st.sampled_from(FEATURES), unique=True))),
                        draw(st.booleans()),
                        # An optional development dependency is no dependency.
                        table != "dev-dependencies" and draw(st.integers(0, 3)) == 0,
                        renamed,
                    )
                )
        return found

    return build()


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, str]:
    """Return the files of a workspace whose program needs packages with and without snapshots."""
    files = {"v8/Cargo.toml": _manifest("v8", [], draw(_feature_table()), head='links = "v8"\n')}
    files |= {"v8/build.rs": "fn main() {}", "v8/src/lib.rs": ""}
    for number, name in enumerate(HELPERS):
        used = draw(entries(HELPERS[:number], ("dependencies",)))
        files[f"{name}/Cargo.toml"] = _manifest(name, used, draw(_feature_table()))
        files[f"{name}/src/lib.rs"] = ""
    tables = ("dependencies", "build-dependencies", "dev-dependencies")
    scripted = []
    for name in ("snap0", "snap1", "plain"):
        used = draw(entries(HELPERS, tables))
        if name != "plain":
            used += draw(_vm_entries())
            chained = [Entry("snap0", "build-dependencies", "", (), True, False, False)]
            used += chained if name == "snap1" and draw(st.booleans()) else []
        files[f"{name}/Cargo.toml"] = _manifest(name, used, draw(_feature_table()), head=draw(_head(name)))
        files[f"{name}/build.rs"] = "fn main() {}"
        files[f"{name}/src/lib.rs"] = ""
        scripted.append(name)
    needed = [
        Entry(
            name, "dependencies", "", tuple(draw(st.lists(st.sampled_from(FEATURES), unique=True))), True, False, False
        )
        for name in scripted
        if name == "snap1" or draw(st.booleans())
    ]
    used = [*needed, *draw(entries(("v8", *HELPERS), ("dependencies", "build-dependencies")))]
    used = [item for item in used if (item.crate, item.table) != ("v8", "build-dependencies")]
    files["app/Cargo.toml"] = _manifest("app", used, draw(_feature_table()))
    files["app/src/main.rs"] = "fn main() {}"
    files["app/build.rs"] = "fn main() {}"
    resolver = draw(st.sampled_from(["1", "2", "3"]))
    members = sorted({name.split("/")[0] for name in files})
    files["Cargo.toml"] = f'[workspace]\nresolver = "{resolver}"\nmembers = {members}\n'.replace("'", '"')
    return files


@st.composite
def _vm_entries(draw: st.DrawFn) -> list[Entry]:
    features = tuple(draw(st.lists(st.sampled_from(FEATURES), unique=True)))
    renamed = draw(st.booleans())
    found = [
        Entry("v8", "build-dependencies", draw(st.sampled_from(("", "cfg(unix)"))), features, True, False, renamed)
    ]
    if draw(st.booleans()):
        found.append(Entry("v8", "dependencies", "", (), draw(st.booleans()), draw(st.booleans()), renamed))
    return found


@st.composite
def _feature_table(draw: st.DrawFn) -> dict[str, list[str]]:
    table = {name: draw(st.lists(st.sampled_from(FEATURES[:number]), unique=True)) if number else []
             for number, name in enumerate(FEATURES)}  # fmt: skip
    if draw(st.booleans()):
        table["default"] = draw(st.lists(st.sampled_from(FEATURES), unique=True))
    return table


@st.composite
def _head(draw: st.DrawFn, name: str) -> str:
    return f'links = "{name}"\n' if draw(st.booleans()) else ""


def _manifest(name: str, used: list[Entry], features: dict[str, list[str]], head: str = "") -> str:
    lines = [f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\n{head}', "[features]"]
    lines += [f"{feature} = {implied}".replace("'", '"') for feature, implied in features.items()]
    for table, condition in sorted({(item.table, item.condition) for item in used}):
        lines.append(f"[target.'{condition}'.{table}]" if condition else f"[{table}]")
        lines += [item.line(directory="..") for item in used if (item.table, item.condition) == (table, condition)]
    return "\n".join(lines) + "\n"


def unit_key(unit: Unit) -> UnitKey:
    kind = "script" if unit.target.is_build_script else unit.target.kind[0]
    return (_name(unit.pkg_id), kind, unit.mode, tuple(sorted(unit.features)), unit.profile.opt_level)


def _name(pkg_id: str) -> str:
    """Return the directory's name, in either spelling of package ids."""
    return re.split("[#)]", pkg_id.rsplit("/", 1)[1])[0]


def target_units(graph: UnitGraph) -> set[UnitKey]:
    return {unit_key(unit) for unit in graph.units if unit.platform}


def closure(graph: UnitGraph, start: int) -> dict[str, frozenset[str]]:
    """Return the features of every library that one program is linked from."""
    found: dict[str, frozenset[str]] = {}
    pending = [start]
    seen = {start}
    while pending:
        for dependency in graph.units[pending.pop()].dependencies:
            unit = graph.units[dependency.index]
            if dependency.index not in seen and unit.target.kind == ("lib",):
                seen.add(dependency.index)
                pending.append(dependency.index)
                found[_name(unit.pkg_id)] = found.get(_name(unit.pkg_id), frozenset()) | set(unit.features)
    return found


EXAMPLES = os.environ.get("SNAPSTITCH_TEST_EXAMPLES")
"""A number of new workspaces to try; unset: the same twenty every time."""


@pytest.mark.slow
@settings(
    max_examples=int(EXAMPLES or 20),
    derandomize=EXAMPLES is None,
    deadline=None,
    # A smaller failing workspace is not worth the minutes that looking for it takes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(files=manifests())
def test_a_lift_changes_nothing_else(files: dict[str, str], host_toolchain: Toolchain, context: Context) -> None:
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(
            workspace=Workspace(files=files, package="app"),
            directory=Workspace(files=files).write(Path(name).resolve() / "ws"),
            work_dir=Path(name).resolve() / "work",
            toolchain=host_toolchain,
            context=context,
        )
        try:
            generate_lock(bench.directory, host_toolchain)
        except ProcessFailedError as error:
            event(f"Cargo refuses the workspace: {error.details[:60]}")
            return
        check(bench)


def check(bench: Bench) -> None:
    """Compare the graphs of one workspace."""
    analysis = bench.analyze()
    goal = Goal(packages=("app@1.0.0",), bins=("app",))
    try:
        lifted = bench.lift(analysis)
    except LiftError as error:
        # Both are told by name. With resolver 1, members cannot always be given features.
        if "two sets of features" not in error.what and "resolver 1" not in error.cause:
            raise
        event(error.what.split("(")[0][-40:])
        return
    event("lifted")
    original = dataclasses.replace(lifted.call, manifest_path=analysis.product.manifest_path)
    before = cargo.unit_graph(original, goal)
    names = {package.key.name for package in analysis.lifted}

    enter_product_form(lifted)
    after = cargo.unit_graph(lifted.call, lifted.product)
    assert target_units(after) == target_units(before)
    assert not [
        unit for unit in after.units if unit.platform is None and _name(unit.pkg_id) == "v8" and unit.target.is_library
    ]
    assert {unit_key(unit)[:2] for unit in after.units if unit.platform is None} <= {
        unit_key(unit)[:2] for unit in before.units if unit.platform is None
    }
    for generator in lifted.generators:
        enter_generator_form(lifted, generator)
        graph = cargo.unit_graph(lifted.call, generator.goal)
        roots = [index for index in graph.roots if graph.units[index].target.name == generator.binary]
        assert len(roots) == 1
        own = closure(graph, roots[0])
        key = generator.package.key
        scripts = [
            index
            for index, unit in enumerate(before.units)
            if _name(unit.pkg_id) == key.name and unit.target.is_build_script and unit.mode == "build"
        ]
        expected = [closure(before, index) for index in scripts]
        assert any(
            set(own) - {key.name} == set(crates) and all(own[name] >= crates[name] for name in crates)
            for crates in expected
        )
        assert frozenset(graph.units[roots[0]].features) in {frozenset(before.units[i].features) for i in scripts}
    assert names
