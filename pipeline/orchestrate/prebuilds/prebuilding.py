"""Prebuilds from the recipe to packages: for each target and C library compilers, a build, a trial; then packing."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PrebuildError
from pipeline.model.build import ToolchainMode
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.prebuilds.result import PrebuildResult
from pipeline.model.spec.prebuilds import DEFAULT_NODE, ExecutableSpec, NodeAddonSpec, NpmSource
from pipeline.model.spec.tables import Spec
from pipeline.model.target import find_target
from pipeline.orchestrate.prebuilds.making import Making, Tried, make
from pipeline.prebuilding.elsewhere import Measure, read_elsewhere
from pipeline.prebuilding.layout import Collected, combine
from pipeline.sources.npm import NpmPackage, ensure_package
from pipeline.stages.building.package import source_date_epoch_s
from pipeline.stages.prebuilds import compile_prebuild, pack_prebuilds
from pipeline.toolchains.node import Node, ensure_host_node

LOADER = Path(__file__).parents[2] / "data" / "prebuild_loader"
"""What chooses a prebuild at run time, in packages of ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrebuildRequest:
    """One recipe, and for which targets it is wanted."""

    name: str
    spec: NodeAddonSpec | ExecutableSpec
    targets: tuple[str, ...]
    libcs: tuple[Libc, ...]
    table: Spec
    """For what `targets` says about suites and glibc."""
    base_dir: Path
    """Where relative paths of the recipe begin."""
    out_dir: Path
    merge: tuple[Path, ...] = ()
    """Directories that earlier runs, or runs on other machines, wrote."""
    toolchain: ToolchainMode = "auto"
    trial: bool = True
    """Whether what was compiled is run."""


def make_prebuilds(request: PrebuildRequest, context: Context) -> PrebuildResult:
    """Compile, try and pack; what earlier runs wrote is taken along where it is named.

    Raises PrebuildError, CompileError, VerificationError when something compiled does not work, and what fetching
    tools and sources raises.
    """
    if not (request.targets and request.libcs) and not request.merge:
        raise _nothing(request)
    host_node = ensure_host_node(DEFAULT_NODE, context)
    source = _source(request, host_node, context)
    fs.make_directory(context.work_root)
    with tempfile.TemporaryDirectory(prefix="prebuilds-", dir=context.work_root) as name:
        making = Making(
            name=request.name,
            spec=request.spec,
            table=request.table,
            toolchain=request.toolchain,
            trial=request.trial,
            source=source,
            host_node=host_node,
            keep_dir=Path(name),
        )
        return _make_all(request, making, context)


def _make_all(request: PrebuildRequest, making: Making, context: Context) -> PrebuildResult:
    variants = [(find_target(target), libc) for target in request.targets for libc in request.libcs]
    made = tuple(item for target, libc in variants for item in make(making, target, libc, context))
    collected = _collect(request, making, made)
    with context.reporter.step(f"pack {collected.name} {collected.version}") as step:
        packed = pack_prebuilds.run(_pack_inputs(request, collected, making, context), context)
        step.detail(f"{len(packed.archives)} archives, {len(packed.packages)} packages")
    own = {item.compiled.prebuild.path for item in made}
    return PrebuildResult(
        name=collected.name,
        version=collected.version,
        directory=packed.directory,
        index=packed.index,
        archives=packed.archives,
        packages=packed.packages,
        made=tuple(item.row() for item in made),
        taken=tuple(prebuild.path for prebuild in collected.prebuilds if prebuild.path not in own),
    )


def _collect(request: PrebuildRequest, making: Making, made: tuple[Tried, ...]) -> Collected:
    spec = request.spec
    project = compile_prebuild.identity(spec, making.source)
    own = Collected(
        name=project.name,
        version=project.version,
        prebuilds=tuple(item.compiled.prebuild for item in made),
        files={place: path for item in made for place, path in item.compiled.files.items()},
    )
    measure = Measure(
        headers=making.host_node.headers,
        probe=spec.probe.probe() if isinstance(spec, ExecutableSpec) and spec.probe else None,
        glibc_floor=spec.glibc,
        assumed_libraries=frozenset(spec.assumed_libraries),
    )
    others = [read_elsewhere(path, project.name, project.version, measure) for path in request.merge]
    return combine([own, *others])


def _nothing(request: PrebuildRequest) -> PrebuildError:
    spec = request.spec
    return PrebuildError(
        f"{request.name} is not made for what was asked for",
        cause=f"its targets are {', '.join(spec.targets)}, its C libraries {', '.join(spec.libcs)}",
        action="name one of these, or add another to `targets` or `libcs` in releases.toml",
    )


def _pack_inputs(
    request: PrebuildRequest, collected: Collected, making: Making, context: Context
) -> pack_prebuilds.PackInputs:
    spec, source = request.spec, making.source
    root = source / "node_modules" / spec.source.package if isinstance(spec.source, NpmSource) else source
    return pack_prebuilds.PackInputs(
        collected=collected,
        out_dir=request.out_dir / f"{request.name}-{collected.version}",
        epoch_s=source_date_epoch_s(context.environ.get("SOURCE_DATE_EPOCH")),
        npm=making.host_node.npm,
        output=spec.npm,
        source=root if (root / "package.json").is_file() else None,
        loader=LOADER if LOADER.is_dir() else None,
    )


def _source(request: PrebuildRequest, host_node: Node, context: Context) -> Path:
    source = request.spec.source
    if not isinstance(source, NpmSource):
        return (request.base_dir / source.path).resolve()
    package = NpmPackage(
        name=source.package,
        version=source.version,
        integrity=source.integrity,
        dependencies=source.dependencies,
    )
    return ensure_package(package, host_node.npm, context)
