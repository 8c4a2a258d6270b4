"""Which build scripts are lifted, in which order, found in the unit graph of the untouched product.

A build script is lifted when what it is linked from reaches the VM crate. The graph is Cargo's own answer for the
chosen product, features, profile and target, so renames, facades, optional dependencies and conditions are
settled in it; packages are matched by their real name.
"""

from __future__ import annotations

import dataclasses
import difflib
import graphlib

from pipeline.errors import LiftError, NothingToLiftError
from pipeline.lifting.graph import Graph
from pipeline.model.analysis import PackageKey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selected:
    """A package whose build script is lifted."""

    key: PackageKey
    runner: int
    """The unit that runs the script; the product's own where there are several."""
    in_product: bool
    requires: tuple[PackageKey, ...]
    needed_by: frozenset[PackageKey]
    """Products that have what the script makes."""


def select(graph: Graph, vm_crate: str) -> tuple[Selected, ...]:
    """Return the packages to lift, an inner snapshot before the one that is made on top of it.

    Raises LiftError when the VM crate also runs inside the compiler, NothingToLiftError when no build script
    reaches it.
    """
    reaching = _units_that_reach(graph, vm_crate)
    runners = [
        index
        for index in graph.script_runs()
        if graph.key(index).name != vm_crate and graph.script_of(index) in reaching
    ]
    _refuse_compiler_plugins(graph, reaching, vm_crate)
    if not runners:
        raise nothing_to_lift(graph, vm_crate)
    kept_by = _units_of_products(graph, set(runners))
    kept = set().union(*kept_by.values())
    by_key = {key: _preferred(graph, key, runners, kept) for key in {graph.key(index) for index in runners}}
    requires = {key: _inner(graph, index, set(by_key)) for key, index in by_key.items()}
    order = graphlib.TopologicalSorter({key: requires[key] for key in sorted(by_key)}).static_order()
    return tuple(
        Selected(
            key=key,
            runner=by_key[key],
            in_product=by_key[key] in kept,
            requires=tuple(sorted(requires[key])),
            needed_by=frozenset(product for product, units in kept_by.items() if by_key[key] in units),
        )
        for key in order
    )


def vm_versions(graph: Graph, vm_crate: str) -> tuple[PackageKey, ...]:
    """Return the VM crate in every version that the graph compiles."""
    return tuple(sorted({graph.key(index) for index in _vm_libraries(graph, vm_crate)}))


def nothing_to_lift(graph: Graph, vm_crate: str) -> NothingToLiftError:
    """Return the error for a product without a build script that reaches *vm_crate*."""
    names = sorted({graph.key(index).name for index in range(len(graph.units))})
    product = " and ".join(sorted({graph.key(index).name for index in graph.roots}))
    if vm_crate in names:
        return NothingToLiftError(
            f"no build script of {product} makes a snapshot: {vm_crate} is compiled, but no build script is"
            " linked with it",
            cause=f"the snapshot is made elsewhere, behind a feature that is off, or not with {vm_crate}",
            action="switch the feature on with --features, or name the crate of the VM with --vm-crate",
        )
    near = near_misses(vm_crate, names)
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    return NothingToLiftError(
        f"no build script of {product} makes a snapshot: {vm_crate} is not among its {len(names)} packages{guess}",
        cause="the VM's crate has another name here, or a feature that needs it is off",
        action="name the crate of the VM with --vm-crate, or switch the feature on with --features",
    )


def near_misses(name: str, names: list[str]) -> list[str]:
    """Return those of *names* that may have been meant by *name*, best first, at most three."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    parts = [other for other in names if name in other.replace("-", "_").split("_") and other not in close]
    return [*close, *parts][:3]


def _vm_libraries(graph: Graph, vm_crate: str) -> list[int]:
    return [
        index
        for index, unit in enumerate(graph.units)
        if unit.target.is_library and not unit.runs_script and graph.key(index).name == vm_crate
    ]


def _units_that_reach(graph: Graph, vm_crate: str) -> set[int]:
    """Return every unit from which a way leads to a library of the VM crate."""
    users: dict[int, list[int]] = {}
    for index in range(len(graph.units)):
        for used in graph.successors(index):
            users.setdefault(used, []).append(index)
    reaching = set(_vm_libraries(graph, vm_crate))
    pending = list(reaching)
    while pending:
        for user in users.get(pending.pop(), ()):
            if user not in reaching:
                reaching.add(user)
                pending.append(user)
    return reaching


def _refuse_compiler_plugins(graph: Graph, reaching: set[int], vm_crate: str) -> None:
    plugins = sorted({str(graph.key(index)) for index in reaching if graph.units[index].target.is_proc_macro})
    if plugins:
        raise LiftError(
            f"{vm_crate} is linked into a procedural macro: {', '.join(plugins)}",
            cause="procedural macros run inside the compiler, so the VM would have to be built for the host",
            action=f"take {vm_crate} out of the dependencies of {', '.join(plugins)}",
        )


def _units_of_products(graph: Graph, runners: set[int]) -> dict[PackageKey, set[int]]:
    """Return the units that each product still has when the scripts of *runners* are replaced by stubs."""
    roots: dict[PackageKey, set[int]] = {}
    for root in graph.roots:
        roots.setdefault(graph.key(root), set()).add(root)
    return {key: _units_without_scripts(graph, starts, runners) for key, starts in roots.items()}


def _units_without_scripts(graph: Graph, starts: set[int], runners: set[int]) -> set[int]:
    seen = set(starts)
    pending = list(seen)
    while pending:
        current = pending.pop()
        cut = graph.script_of(current) if current in runners else None
        for index in graph.successors(current):
            if index not in seen and index != cut:
                seen.add(index)
                pending.append(index)
    return seen


def _preferred(graph: Graph, key: PackageKey, runners: list[int], kept: set[int]) -> int:
    """Return, of the runs of one package's script, the product's, or else the one for the target."""
    own = [index for index in runners if graph.key(index) == key]
    return max(own, key=lambda index: (index in kept, graph.units[index].platform is not None, -index))


def _inner(graph: Graph, runner: int, lifted: set[PackageKey]) -> set[PackageKey]:
    """Return the lifted packages whose scripts run before the script of *runner* can be linked."""
    before = graph.reachable([graph.script_of(runner)])
    return {graph.key(index) for index in before if graph.units[index].runs_script and graph.key(index) in lifted} - {
        graph.key(runner)
    }
