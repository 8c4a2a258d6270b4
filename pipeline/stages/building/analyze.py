"""Reading an untouched workspace: the product, and the build scripts that have to run on the target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import LiftError, UnknownNameError, UsageError, WorkspaceError
from pipeline.lifting.goals import untouched_goal
from pipeline.lifting.graph import Graph, host_libraries, linked_crates, linked_libraries, package_key, target_libraries
from pipeline.lifting.manifest import load, parse, takes_features_per_package
from pipeline.lifting.selection import Selected, near_misses, select, vm_versions
from pipeline.lifting.standalone import standalone_manifest
from pipeline.model.analysis import Analysis, LiftedPackage, Origin, PathPackage, Product, Selection
from pipeline.model.cargo import Metadata, Package
from pipeline.model.toolchain import Toolchain
from pipeline.overlay.repository import find_repository
from pipeline.rust import cargo
from pipeline.rust.answers.store import ANSWERS_DIR_NAME, Answers
from pipeline.rust.cargo import CargoCall


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompanionChoice:
    """Another package whose programs are wanted."""

    package: str
    binaries: tuple[str, ...] = ()
    """Programs of the package; all of them when empty."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnalyzeInputs:
    """A workspace, and what of it is wanted."""

    workspace_dir: Path
    """Directory with a Cargo.toml: of the workspace or of one of its packages."""
    work_dir: Path
    """Directory for everything that the build writes; the sources are never written to."""
    toolchain: Toolchain
    package: str | None = None
    binaries: tuple[str, ...] = ()
    """Programs of the package; all of them when empty."""
    companions: tuple[CompanionChoice, ...] = ()
    """Other packages of the workspace whose programs are wanted as well."""
    vm_crate: str = "v8"
    profile: str = "release"
    features: tuple[str, ...] = ()
    default_features: bool = True
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variables for build scripts and compilers."""
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` settings for Cargo, such as those of profiles that the sources lack."""


def run(inputs: AnalyzeInputs, context: Context) -> Analysis:
    """Return the product, the packages to lift in order, and the facts to compare with after the lift.

    Raises WorkspaceError (no or broken manifest), LockfileMissingError, LockChangedError, UnknownNameError and
    UsageError (which package or program is meant), NothingToLiftError, LiftError, NetworkError.
    """
    call = _call(inputs, context)
    local = cargo.members(call)
    product, *companions = _products(local, inputs)
    lock_path = local.workspace_root / "Cargo.lock"
    locked = cargo.read_lock(lock_path)
    call = dataclasses.replace(call, manifest_path=product.manifest_path)
    host = cargo.host_triple(call)
    metadata = cargo.metadata(call, platforms=tuple({call.selection.target_triple, host}))
    root_manifest = (local.workspace_root / "Cargo.toml").read_text(encoding="utf-8")
    per_package = takes_features_per_package(root_manifest, _root_edition(local))
    goal = untouched_goal((product, *companions), call.selection, per_package_features=per_package)
    graph = Graph(cargo.unit_graph(call, goal), metadata)
    # Products come last: the packages that they depend on are compiled with their generators.
    names = {item.key for item in (product, *companions)}
    selected = sorted(select(graph, inputs.vm_crate), key=lambda item: item.key in names)
    return Analysis(
        workspace_root=local.workspace_root,
        call_dir=call.cwd,
        product=_with_lifted(product, selected),
        companions=tuple(_with_lifted(companion, selected) for companion in companions),
        selection=call.selection,
        vm_crate=inputs.vm_crate,
        vm=vm_versions(graph, inputs.vm_crate),
        raise_vm_opt_level=_leaves_vm_unoptimised(graph, inputs.vm_crate),
        lifted=tuple(_lifted(item, graph, metadata) for item in selected),
        packages=locked | {package_key(item) for item in metadata.packages},
        lock_path=lock_path,
        lock_sha256=fs.sha256_file(lock_path),
        path_packages=_path_packages(metadata),
        published=tuple(package for package in metadata.packages if package.source is not None),
        target_features=target_libraries(graph),
        host_features=host_libraries(graph),
        per_package_features=per_package,
        host_triple=host,
        git=find_repository(local.workspace_root, context.environ),
        target_directory=local.target_directory,
        linked=linked_crates(graph),
    )


def _call(inputs: AnalyzeInputs, context: Context) -> CargoCall:
    directory = inputs.workspace_dir.resolve()
    manifest = directory / "Cargo.toml"
    if not manifest.is_file():
        raise WorkspaceError(
            f"there is no Cargo.toml in {directory}",
            cause="the path leads elsewhere than to a Cargo workspace",
            action="give the directory that holds the workspace's Cargo.toml",
        )
    return CargoCall(
        cargo=inputs.toolchain.cargo,
        env=cargo.environment(inputs.toolchain, context, inputs.env),
        cwd=directory,
        manifest_path=manifest,
        target_dir=inputs.work_dir / "target",
        selection=Selection(
            target_triple=inputs.toolchain.target.rust_triple,
            profile=inputs.profile,
            features=inputs.features,
            default_features=inputs.default_features,
            settings=inputs.settings,
        ),
        jobs=context.jobs,
        offline=context.offline,
        answers=Answers(inputs.work_dir / ANSWERS_DIR_NAME),
    )


def _products(local: Metadata, inputs: AnalyzeInputs) -> tuple[Product, ...]:
    """Return the product and its companions."""
    chosen = [(_choose_package(local, inputs.package), inputs.binaries)]
    chosen += [(_named_package(local, item.package), item.binaries) for item in inputs.companions]
    products = tuple(_product(package, binaries) for package, binaries in chosen)
    for what, names in (
        ("package", [item.key.name for item in products]),
        ("program", [name for item in products for name in item.binaries]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(
                f"the {what} {twice[0]} would be built twice",
                cause="the product and its companions name the same, or have programs of one name",
                action="correct `companions` (or `binaries`) in releases.toml",
            )
    return products


def _with_lifted(product: Product, selected: list[Selected]) -> Product:
    lifted = frozenset(item.key for item in selected if product.key in item.needed_by)
    return dataclasses.replace(product, lifted=lifted)


def _choose_package(local: Metadata, name: str | None) -> Package:
    """Return the package that is the product: the one named, or the only one that comes into question."""
    if name is not None:
        return _named_package(local, name)
    programs = [package for package in local.packages if package.binaries]
    defaults = [package for package in programs if package.id in local.workspace_default_members]
    told = [package for package in defaults or programs if package.default_run]
    for choice in (defaults, programs, told):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(sorted(package.name for package in programs))
    if not programs:
        raise WorkspaceError(
            f"no package of {local.workspace_root} has a program to build",
            cause="the workspace holds libraries only",
            action="give the workspace that holds the runtime's program",
        )
    raise UsageError(
        f"several packages of {local.workspace_root} have programs: {names}",
        cause="the workspace does not say which one is its product",
        action="name one with --package",
    )


def _named_package(local: Metadata, name: str) -> Package:
    names = sorted(package.name for package in local.packages)
    if name not in names:
        near = near_misses(name, names)
        guess = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownNameError(
            f"{local.workspace_root} has no package {name!r}{guess}",
            cause="a misspelt name, or a package of another workspace",
            action=f"choose one of {', '.join(names)}",
        )
    return next(package for package in local.packages if package.name == name)


def _product(package: Package, binaries: tuple[str, ...]) -> Product:
    for name in binaries:
        if name not in package.binaries:
            near = near_misses(name, list(package.binaries))
            guess = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UnknownNameError(
                f"package {package.name} has no program {name!r}{guess}",
                cause="a misspelt name, or a program of another package",
                action=f"choose from {', '.join(package.binaries) or 'another package: this one has none'}",
            )
    if not package.binaries:
        raise UsageError(
            f"package {package.name} has no program to build",
            cause="it is a library",
            action="name the package of the program with --package",
        )
    return Product(
        key=package_key(package),
        manifest_path=package.manifest_path,
        binaries=binaries or package.binaries,
        has_default_feature="default" in package.features,
    )


def _lifted(item: Selected, graph: Graph, metadata: Metadata) -> LiftedPackage:
    package = graph.package(item.runner)
    origin = _origin(package, metadata)
    if not item.in_product and origin is not Origin.MEMBER:
        raise LiftError(
            f"the build script of {item.key} makes a snapshot, and only other build scripts need the package",
            cause="Cargo can build a program of such a package for the target only if it is in the workspace",
            action=f"make {item.key.name} a member of the workspace, or a dependency of {_root_name(metadata)}",
        )
    script = graph.script_of(item.runner)
    return LiftedPackage(
        key=item.key,
        origin=origin,
        manifest_path=package.manifest_path,
        script_path=Path(graph.units[script].target.src_path),
        manifest=standalone(package) if origin is Origin.GIT else None,
        features=frozenset(graph.units[script].features),
        in_product=item.in_product,
        requires=item.requires,
        closure=linked_libraries(graph, script),
    )


def standalone(package: Package) -> str:
    """Return the manifest of a package of a repository, made independent of the repository's workspace."""
    text = package.manifest_path.read_text(encoding="utf-8")
    above = (directory / "Cargo.toml" for directory in package.directory.parents)
    named = parse(text)["package"].get("workspace")
    roots = [package.directory / named / "Cargo.toml"] if named else [package.manifest_path, *above]
    for root in roots:
        if root.is_file() and "workspace" in load(root_text := root.read_text(encoding="utf-8")):
            return standalone_manifest(text, root_text, package)
    return standalone_manifest(text, "", package)


def _root_name(metadata: Metadata) -> str:
    root = metadata.resolve.root if metadata.resolve else None
    return metadata.by_id()[root].name if root else "the product"


def _origin(package: Package, metadata: Metadata) -> Origin:
    if package.id in metadata.workspace_members:
        return Origin.MEMBER
    if package.source is None:
        return Origin.PATH
    return Origin.GIT if package.source.startswith("git+") else Origin.REGISTRY


def _path_packages(metadata: Metadata) -> tuple[PathPackage, ...]:
    return tuple(
        PathPackage(
            key=package_key(package),
            manifest_path=package.manifest_path,
            member=package.id in metadata.workspace_members,
        )
        for package in metadata.packages
        if package.source is None
    )


def _leaves_vm_unoptimised(graph: Graph, vm_crate: str) -> bool:
    """Return whether the VM crate would be compiled for the target without optimisation."""
    units = [
        unit
        for index, unit in enumerate(graph.units)
        if unit.platform is not None and unit.target.is_library and graph.key(index).name == vm_crate
    ]
    return any(unit.profile.opt_level == "0" for unit in units or [graph.units[i] for i in graph.roots])


def _root_edition(local: Metadata) -> str | None:
    """Return the edition of the workspace's root package, None when the workspace is virtual."""
    manifest = local.workspace_root / "Cargo.toml"
    return next((package.edition for package in local.packages if package.manifest_path == manifest), None)
