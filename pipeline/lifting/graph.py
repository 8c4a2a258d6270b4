"""Questions to a unit graph: what reaches what, and with which features libraries are compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline.model.analysis import CrateFeatures, LinkedCrate, PackageKey
from pipeline.model.cargo import Metadata, Package, Unit, UnitGraph


def package_key(package: Package) -> PackageKey:
    """Return the key of *package*, which is the same in the original tree and in its overlay."""
    return PackageKey(name=package.name, version=package.version, source=package.stands_for or package.source or "")


def _ids(package: Package) -> tuple[str, str]:
    """Return the names that a unit graph may have for a package.

    Up to Cargo 1.85 at least, the graph spells package ids otherwise than the metadata of the same Cargo.
    """
    source = package.source or f"path+{package.directory.as_uri()}"
    return package.id, f"{package.name} {package.version} ({source})"


class Graph:
    """A unit graph together with the packages that its units belong to."""

    def __init__(self, units: UnitGraph, metadata: Metadata) -> None:
        """Join *units* with the packages of *metadata*, which Cargo must have been asked for the same tree."""
        self.units = units.units
        self.roots = units.roots
        self._packages = {name: package for package in metadata.packages for name in _ids(package)}

    @property
    def is_complete(self) -> bool:
        """Return whether the packages of all units are known."""
        return all(unit.pkg_id in self._packages for unit in self.units)

    def key(self, index: int) -> PackageKey:
        """Return the package of a unit."""
        return package_key(self.package(index))

    def package(self, index: int) -> Package:
        """Return the package of a unit, with all that the metadata says about it."""
        return self._packages[self.units[index].pkg_id]

    def successors(self, index: int) -> Iterator[int]:
        """Yield the units that a unit depends on directly."""
        for dependency in self.units[index].dependencies:
            yield dependency.index

    def script_of(self, runner: int) -> int:
        """Return the unit that compiles the build script which the unit *runner* runs."""
        pkg_id = self.units[runner].pkg_id
        return next(
            index
            for index in self.successors(runner)
            if self.units[index].pkg_id == pkg_id
            and self.units[index].target.is_build_script
            and not self.units[index].runs_script
        )

    def script_runs(self) -> Iterator[int]:
        """Yield the units that run build scripts."""
        return (index for index, unit in enumerate(self.units) if unit.runs_script)

    def reachable(self, starts: Iterable[int], *, enter: Callable[[Unit], bool] = lambda _unit: True) -> set[int]:
        """Return the units that *starts* lead to, themselves included, through units that *enter* accepts."""
        seen = set(starts)
        pending = list(seen)
        while pending:
            for index in self.successors(pending.pop()):
                if index not in seen and enter(self.units[index]):
                    seen.add(index)
                    pending.append(index)
        return seen

    def find_binary(self, name: str) -> int:
        """Return the root unit that compiles the program *name*, which must be there."""
        return next(
            index
            for index in self.roots
            if self.units[index].target.is_binary and self.units[index].target.name == name
        )


def linked_libraries(graph: Graph, start: int) -> tuple[CrateFeatures, ...]:
    """Return the libraries that end up in the program which unit *start* compiles.

    Procedural macros and build scripts run on the host on either side of a lift and are not among them, nor is
    the program's own package.
    """
    found = graph.reachable([start], enter=lambda unit: unit.target.is_library and not unit.runs_script)
    return gather(graph, (index for index in found if graph.key(index) != graph.key(start)))


def program_crates(graph: Graph, program: str) -> tuple[CrateFeatures, ...]:
    """Return what the root unit that compiles *program* links, its own package included."""
    unit = graph.find_binary(program)
    own = CrateFeatures(package=graph.key(unit), features=frozenset(graph.units[unit].features))
    return (*linked_libraries(graph, unit), own)


def linked_crates(graph: Graph) -> tuple[LinkedCrate, ...]:
    """Return every crate that the programs of the graph's roots are linked from, their own packages included.

    What runs on the host (procedural macros, build scripts and what only these use) is not among them.
    """
    linked = graph.reachable(graph.roots, enter=lambda unit: unit.target.is_library and not unit.runs_script)
    packages = {graph.key(index): graph.package(index) for index in linked}
    requires: dict[PackageKey, set[PackageKey]] = {key: set() for key in packages}
    for index in linked:
        used = {graph.key(successor) for successor in graph.successors(index) if successor in linked}
        requires[graph.key(index)] |= used - {graph.key(index)}
    return tuple(
        LinkedCrate(
            package=key,
            license=package.license,
            repository=package.repository,
            requires=tuple(sorted(requires[key])),
        )
        for key, package in sorted(packages.items(), key=lambda item: item[0])
    )


def target_libraries(graph: Graph) -> tuple[CrateFeatures, ...]:
    """Return the libraries and programs that the graph compiles for the target."""
    return gather(
        graph,
        (
            index
            for index, unit in enumerate(graph.units)
            if unit.platform is not None and not unit.runs_script and not unit.target.is_build_script
        ),
    )


def host_libraries(graph: Graph) -> tuple[CrateFeatures, ...]:
    """Return the libraries that the graph compiles for the host."""
    return gather(
        graph,
        (index for index, unit in enumerate(graph.units) if unit.platform is None and unit.target.is_library),
    )


def script_features(graph: Graph) -> tuple[CrateFeatures, ...]:
    """Return the features that build scripts are run with: one item for each package and set of features."""
    runs = {(graph.key(index), frozenset(graph.units[index].features)) for index in graph.script_runs()}
    return tuple(
        CrateFeatures(package=key, features=names)
        for key, names in sorted(runs, key=lambda run: (run[0], sorted(run[1])))
    )


def gather(graph: Graph, indices: Iterable[int]) -> tuple[CrateFeatures, ...]:
    """Return the packages of some units, sorted, each with the features of all its units together."""
    features: dict[PackageKey, set[str]] = {}
    for index in indices:
        features.setdefault(graph.key(index), set()).update(graph.units[index].features)
    return tuple(CrateFeatures(package=key, features=frozenset(names)) for key, names in sorted(features.items()))


def as_mapping(crates: Iterable[CrateFeatures]) -> Mapping[PackageKey, frozenset[str]]:
    """Return the features by package."""
    return {crate.package: crate.features for crate in crates}
