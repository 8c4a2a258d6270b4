"""Moving build scripts to the target: the overlay, both forms of each lifted package, and what must not change."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipeline import cargo, fs
from pipeline.answers.store import ANSWERS_DIR_NAME, Answers
from pipeline.cargo import CargoCall
from pipeline.context import Context
from pipeline.errors import LockChangedError
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
from pipeline.lifting.stub import STUB_FILE_NAME, stub_source
from pipeline.model.analysis import Analysis, CrateFeatures, LiftedPackage, PackageKey
from pipeline.model.cargo import Goal, Metadata
from pipeline.model.toolchain import Toolchain
from pipeline.overlay.assemble import copies_for, trigger_path
from pipeline.overlay.overrides import Copied, Copies
from pipeline.overlay.repository import attach
from pipeline.overlay.tree import Overlay, Synced

EMPTY_LIBRARY_FILE_NAME = "snapstitch_empty.rs"
_UNIFICATION = (
    "Cargo unifies features over everything that is built for the host, and another build script or macro asks"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiftInputs:
    """An analysed workspace, and with what it is built."""

    analysis: Analysis
    work_dir: Path
    """The same as in the analysis."""
    toolchain: Toolchain
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    accept_lost_features: frozenset[str] = frozenset()
    """``CRATE/FEATURE`` that the generators may be compiled without."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorBuild:
    """How to build the generator of one lifted package, once the overlay is in its form."""

    package: LiftedPackage
    goal: Goal
    binary: str
    expected_path: Path
    """Where Cargo will put the program; `cargo.BuildOutcome.executable` tells where it did."""
    trigger: Path
    """Gets a new time whenever a file of the package changes."""
    manifest: str
    comparison: Comparison
    remedy: Remedy
    """What was done about features that would have been lost."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lift:
    """A lifted workspace: what is to be built, in which order, in which form of the overlay."""

    analysis: Analysis
    copies: Copies
    call: CargoCall
    """The same for all builds."""
    generators: tuple[GeneratorBuild, ...]
    """In order: an inner snapshot before the one that is made on top of it."""
    product: Goal
    product_manifests: Mapping[PackageKey, str]
    product_remedy: Remedy
    dropped_host_features: Comparison
    """What crates that stay on the host lose, because the lifted scripts ask for nothing there any more."""
    vm_package_ids: frozenset[str]
    """Cargo's ids of the VM crate in the overlay."""
    lifted_ids: Mapping[str, PackageKey]
    """Cargo's ids of the lifted packages in the overlay."""
    synced: Synced

    @property
    def overlay(self) -> Overlay:
        """Return the copy of the workspace."""
        return self.copies.workspace


def run(inputs: LiftInputs, context: Context) -> Lift:
    """Bring the overlay up to date, work out both forms of every lifted package, and check them.

    The overlay is left in product form.
    Raises LiftError when something would be built otherwise than in the untouched tree, LockChangedError when
    something would resolve otherwise, WorkspaceError, NotWritableError and DiskFullError.
    """
    analysis = inputs.analysis
    checks.overridable(analysis.lifted, analysis.packages, patched=analysis.patched)
    manifests = {analysis.workspace_root / "Cargo.toml", *(item.manifest_path for item in analysis.path_packages)}
    checks.paths_relative({path: path.read_text(encoding="utf-8") for path in sorted(manifests)})
    copies = copies_for(analysis, inputs.work_dir)
    synced = copies.sync()
    for package in analysis.patched:
        if package.manifest is not None:
            copies.write(package, package.manifest)
    fs.write_if_changed(inputs.work_dir / "lifting" / STUB_FILE_NAME, stub_source())
    fs.write_if_changed(inputs.work_dir / "lifting" / EMPTY_LIBRARY_FILE_NAME, "")
    if analysis.git:
        attach(
            copies.workspace.layout,
            analysis.git,
            private_dir=inputs.work_dir / "git",
            rewritten=[package.manifest_path for package in analysis.lifted],
            environ=context.environ,
        )
    bench = _Workbench(inputs, copies, _call(inputs, copies, context))
    lift = bench.product(synced)
    generators = tuple(bench.generator(package, lift.product_manifests) for package in analysis.lifted)
    enter_product_form(lift)
    return dataclasses.replace(lift, generators=generators)


def enter_generator_form(lift: Lift, generator: GeneratorBuild) -> None:
    """Put one package of the overlay in generator form and all others in product form."""
    forms = {**lift.product_manifests, generator.package.key: generator.manifest}
    lift.copies.write_all(lift.analysis.lifted, forms)


def enter_product_form(lift: Lift) -> None:
    """Put every package of the overlay in product form."""
    lift.copies.write_all(lift.analysis.lifted, lift.product_manifests)


def check_lock(lift: Lift) -> None:
    """Make sure that ``Cargo.lock`` is, byte for byte, what was analysed: in the sources and in the overlay.

    Raises LockChangedError.
    """
    for path in (lift.analysis.lock_path, lift.overlay.layout.locate(lift.analysis.lock_path)):
        if not path.is_file() or fs.sha256_file(path) != lift.analysis.lock_sha256:
            raise LockChangedError(
                f"{path} changed during the build",
                cause="something in the build, or someone beside it, ran Cargo without --locked",
                action="look at the change with `git diff`, and run the same command again",
            )


class _Workbench:
    """Tries the forms out on the overlay, asking Cargo what it would build."""

    def __init__(self, inputs: LiftInputs, copies: Copies, call: CargoCall) -> None:
        self.analysis = inputs.analysis
        self.call = call
        self._inputs = inputs
        self._copies = copies
        self._support_dir = inputs.work_dir / "lifting"
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
            trigger=trigger_path(self._inputs.work_dir, package),
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
        kept = (change.without(self._inputs.accept_lost_features) for change in lost)
        return tuple(change for change in kept if change.features)


def _call(inputs: LiftInputs, copies: Copies, context: Context) -> CargoCall:
    analysis = inputs.analysis
    # A repository around the work directory is not the workspace's.
    own = {"GIT_CEILING_DIRECTORIES": str(inputs.work_dir)}
    config = copies.overrides.settings
    if analysis.raise_vm_opt_level:
        # Both phases use it, or the crate would be compiled twice.
        config += (f'profile.{analysis.selection.profile}.package."{analysis.vm_crate}".opt-level=1',)
    return CargoCall(
        cargo=inputs.toolchain.cargo,
        env=cargo.environment(inputs.toolchain, context, inputs.env) | own,
        cwd=analysis.call_dir,
        manifest_path=copies.workspace.layout.locate(analysis.product.manifest_path),
        target_dir=inputs.work_dir / "target",
        selection=analysis.selection,
        config=config,
        jobs=context.jobs,
        offline=context.offline,
        answers=Answers(inputs.work_dir / ANSWERS_DIR_NAME),
    )
