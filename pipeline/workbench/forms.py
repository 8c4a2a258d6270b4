"""Works out the generator form and the product form of lifted packages, by asking Cargo what it would build."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipeline.lifting import checks
from pipeline.lifting.features import Comparison, FeatureChange, compare, compare_lift, lost_features_error
from pipeline.lifting.goals import generator_goal, product_goal
from pipeline.lifting.graph import (
    Graph,
    host_libraries,
    package_key,
    program_crates,
    target_libraries,
)
from pipeline.lifting.manifest import GeneratorForm, ProductForm, generator_form, module_names, product_form
from pipeline.lifting.restore import Editable, Remedy, find_remedy
from pipeline.lifting.stub import STUB_FILE_NAME
from pipeline.model.analysis import Analysis, CrateFeatures, LiftedPackage, PackageKey
from pipeline.model.cargo import Goal, Metadata
from pipeline.overlay.assemble import trigger_path
from pipeline.overlay.overrides import Copied, Copies
from pipeline.overlay.tree import Synced
from pipeline.rust import cargo
from pipeline.rust.cargo import CargoCall
from pipeline.workbench.lift import GeneratorBuild, Lift

SUPPORT_DIR_NAME = "lifting"
"""In the work directory: files that rewritten manifests name."""
EMPTY_LIBRARY_FILE_NAME = "snapstitch_empty.rs"
_UNIFICATION = (
    "Cargo unifies features over everything that is built for the host, and another build script or macro asks"
)


class Workbench:
    """Tries the forms out on the overlay, asking Cargo what it would build."""

    def __init__(
        self, analysis: Analysis, copies: Copies, call: CargoCall, *, work_dir: Path, accept_lost: frozenset[str]
    ) -> None:
        self.analysis = analysis
        self.call = call
        self._work_dir = work_dir
        self._accept_lost = accept_lost
        self._copies = copies
        self._support_dir = work_dir / SUPPORT_DIR_NAME
        self._sources = {
            package.key: package.manifest or package.manifest_path.read_text(encoding="utf-8")
            for package in self.analysis.lifted
        }

    def product(self, synced: Synced) -> Lift:
        """Return the lift, without generators yet; the product form is checked against the untouched product."""
        remedy = Remedy()
        while True:
            manifests = {key: self._product_manifest(key, remedy) for key in self._sources}
            self._copies.write_all(self.analysis.lifted, manifests)
            goal = product_goal(self.analysis, remedy)
            metadata = self._metadata()
            graph = Graph(cargo.unit_graph(self.call, goal), metadata)
            lost = compare(self.analysis.target_features, target_libraries(graph)).lost
            found = self._find_remedy(lost, self._sources, metadata)
            if remedy.merged(found) == remedy:
                break
            remedy = remedy.merged(found)
        if lost:
            raise lost_features_error(
                self.analysis.product.key, lost,
                cause="with resolver 1, Cargo gives crates of the product what build scripts ask for, too",
                remedy='ask for these features in [dependencies], or set resolver = "2" in the workspace',
            )  # fmt: skip
        copied: tuple[Copied, ...] = (*self.analysis.lifted, *self.analysis.patched)
        for item in copied:
            checks.taken_from(item, metadata, self._copies.manifest(item))
        self._known = metadata.with_packages(self.analysis.published)
        checks.no_vm_on_host(graph, self.analysis.vm_crate)
        checks.scripts_as_analysed(graph, self.analysis.lifted)
        packages = {package.id: package_key(package) for package in metadata.packages}
        return Lift(
            analysis=self.analysis,
            copies=self._copies,
            call=self.call,
            generators=(),
            product=goal,
            product_manifests=manifests,
            product_remedy=remedy,
            dropped_host_features=compare(self.analysis.host_features, host_libraries(graph)),
            vm_package_ids=frozenset(i for i, key in packages.items() if key.name == self.analysis.vm_crate),
            lifted_ids={i: key for i, key in packages.items() if key in self._sources},
            synced=synced,
        )

    def generator(self, package: LiftedPackage, manifests: Mapping[PackageKey, str]) -> GeneratorBuild:
        """Return the generator form of *package*, checked against its untouched build script."""
        binary = f"generator-{package.key.slug}"
        remedy = Remedy()
        while True:
            manifest = self._generator_manifest(package, binary, remedy)
            self._copies.write_all(self.analysis.lifted, {**manifests, package.key: manifest})
            goal = generator_goal(self.analysis, remedy, package, binary)
            graph = self._graph(self.call, goal)
            comparison = self._compare(package, graph, goal, binary)
            if not comparison.lost:
                break
            found = self._find_remedy(comparison.lost, [package.key], self._metadata())
            if remedy.merged(found) == remedy:
                break
            remedy = remedy.merged(found)
        if comparison.lost:
            raise lost_features_error(
                package.key, comparison.lost,
                cause=f"{_UNIFICATION} for them",
                remedy=f"ask for these features where {package.key.name} depends on the crates",
            )  # fmt: skip
        checks.scripts_as_analysed(graph, self.analysis.lifted)
        target = self.call.target_dir / self.call.selection.target_triple
        return GeneratorBuild(
            package=package,
            goal=goal,
            binary=binary,
            expected_path=target / cargo.profile_directory(self.call.selection.profile) / binary,
            trigger=trigger_path(self._work_dir, package),
            manifest=manifest,
            comparison=comparison,
            remedy=remedy,
        )

    def _find_remedy(self, lost: Iterable[FeatureChange], keys: Collection[PackageKey], metadata: Metadata) -> Remedy:
        editable = Editable(
            packages=tuple(keys), extendable=frozenset(key for key in keys if key in self._copies.overrides)
        )
        return find_remedy(lost, editable, metadata, per_package=self.analysis.per_package_features)

    def _product_manifest(self, key: PackageKey, remedy: Remedy) -> str:
        form = ProductForm(stub=self._support_dir / STUB_FILE_NAME, restorations=remedy.manifests.get(key, ()))
        return product_form(self._sources[key], form)

    def _generator_manifest(self, package: LiftedPackage, binary: str, remedy: Remedy) -> str:
        # Where Cargo takes no features per package, selecting one switches its default features on.
        is_product = self.analysis.is_product(package.key)
        default_unwanted = "default" not in package.features and not is_product and not package.origin.is_elsewhere
        form = GeneratorForm(
            binary=binary,
            library=f"empty_{package.key.slug.replace('-', '_')}",
            empty_library=self._support_dir / EMPTY_LIBRARY_FILE_NAME,
            drop_default_feature=default_unwanted and not self.analysis.per_package_features,
            # For any other package, selecting the product beside it has that effect.
            keep_dependencies=is_product,
            taken_names=module_names(package.script_path.read_text(encoding="utf-8")) if is_product else frozenset(),
            restorations=remedy.manifests.get(package.key, ()),
        )
        return generator_form(self._sources[package.key], form)

    def _metadata(self) -> Metadata:
        """Ask Cargo about the overlay as it is now."""
        platforms = tuple({self.call.selection.target_triple, self.analysis.host_triple})
        metadata = self._copies.overrides.identify(cargo.metadata(self.call, platforms=platforms))
        checks.locked(metadata, self.analysis.packages)
        return metadata

    def _graph(self, call: CargoCall, goal: Goal) -> Graph:
        """Ask Cargo what it would build; about packages only when the form needs some that are new."""
        units = cargo.unit_graph(call, goal)
        graph = Graph(units, self._known)
        return graph if graph.is_complete else Graph(units, self._metadata())

    def _compare(self, package: LiftedPackage, graph: Graph, goal: Goal, binary: str) -> Comparison:
        """Compare what the generator links with what the untouched build script links."""
        before = (*package.closure, CrateFeatures(package=package.key, features=package.features))
        after = program_crates(graph, binary)
        comparison = compare_lift(before, after, after)
        is_cross = self.analysis.host_triple != self.call.selection.target_triple
        if is_cross and self._not_accepted(comparison.lost):
            selection = dataclasses.replace(self.call.selection, target_triple=self.analysis.host_triple)
            on_host = self._graph(dataclasses.replace(self.call, selection=selection), goal)
            comparison = compare_lift(before, after, program_crates(on_host, binary))
        return dataclasses.replace(comparison, lost=self._not_accepted(comparison.lost))

    def _not_accepted(self, lost: Iterable[FeatureChange]) -> tuple[FeatureChange, ...]:
        kept = (change.without(self._accept_lost) for change in lost)
        return tuple(change for change in kept if change.features)
