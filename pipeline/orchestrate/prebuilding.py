"""Prebuilds from the recipe to packages: for each target and C library compilers, a build, a trial; then packing."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PrebuildError
from pipeline.model.build import ToolchainMode
from pipeline.model.events import Where
from pipeline.model.prebuild import Libc, Prebuild, PrebuildKind
from pipeline.model.prebuild_result import MadePrebuild, PrebuildResult
from pipeline.model.prebuild_spec import DEFAULT_NODE, ExecutableSpec, NodeAddonSpec, NpmSource
from pipeline.model.spec import Spec, TargetSpec
from pipeline.model.target import Target, find_target
from pipeline.npm import NpmPackage, ensure_package
from pipeline.orchestrate import prebuild_means
from pipeline.orchestrate.prebuild_means import Variant
from pipeline.prebuilding.layout import Collected, combine, read_layout
from pipeline.prebuilding.trial import Trial, try_prebuild
from pipeline.stages import compile_prebuild, pack_prebuilds
from pipeline.stages.compile_prebuild import CompiledPrebuild, CompileInputs
from pipeline.stages.package import source_date_epoch_s
from pipeline.toolchains.node import Node, ensure_host_node, ensure_node

LOADER = Path(__file__).parents[1] / "data" / "prebuild_loader"
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
        places = _Places(source=source, host_node=host_node, keep_dir=Path(name))
        return _make_all(request, places, context)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Places:
    """Where things are in one run."""

    source: Path
    host_node: Node
    keep_dir: Path


def _make_all(request: PrebuildRequest, places: _Places, context: Context) -> PrebuildResult:
    variants = [_variant(request, find_target(target), libc) for target in request.targets for libc in request.libcs]
    made = tuple(item for variant in variants for item in _make(request, variant, places, context))
    collected = _collect(request, places.source, made)
    with context.reporter.step(f"pack {collected.name} {collected.version}") as step:
        packed = pack_prebuilds.run(_pack_inputs(request, collected, places, context), context)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tried:
    """What was compiled, and how it ran."""

    compiled: CompiledPrebuild
    compiler: str
    trial_s: float | None
    emulated: bool

    def row(self) -> MadePrebuild:
        compiled = self.compiled
        return MadePrebuild(
            prebuild=compiled.prebuild,
            compiler=self.compiler,
            cpu_s=compiled.cpu_s,
            duration_s=compiled.duration_s,
            trial_s=self.trial_s,
            emulated=self.emulated,
            findings=compiled.findings,
        )


def _collect(request: PrebuildRequest, source: Path, made: tuple[_Tried, ...]) -> Collected:
    project = compile_prebuild.identity(request.spec, source)
    own = Collected(
        name=project.name,
        version=project.version,
        prebuilds=tuple(item.compiled.prebuild for item in made),
        files={place: path for item in made for place, path in item.compiled.files.items()},
    )
    return combine([own, *map(read_layout, request.merge)])


def _nothing(request: PrebuildRequest) -> PrebuildError:
    spec = request.spec
    return PrebuildError(
        f"{request.name} is not made for what was asked for",
        cause=f"its targets are {', '.join(spec.targets)}, its C libraries {', '.join(spec.libcs)}",
        action="name one of these, or add another to `targets` or `libcs` in releases.toml",
    )


def _pack_inputs(
    request: PrebuildRequest, collected: Collected, places: _Places, context: Context
) -> pack_prebuilds.PackInputs:
    spec, source = request.spec, places.source
    root = source / "node_modules" / spec.source.package if isinstance(spec.source, NpmSource) else source
    return pack_prebuilds.PackInputs(
        collected=collected,
        out_dir=request.out_dir / f"{request.name}-{collected.version}",
        epoch_s=source_date_epoch_s(context.environ.get("SOURCE_DATE_EPOCH")),
        npm=places.host_node.npm,
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


def _variant(request: PrebuildRequest, target: Target, libc: Libc) -> Variant:
    of_target = request.table.targets.get(target.name, TargetSpec())
    return Variant(
        target=target,
        libc=libc,
        suite=of_target.suite,
        suite_glibc=of_target.glibc,
        glibc=request.spec.glibc or of_target.glibc,
        compiler=request.spec.compiler,
        toolchain=request.toolchain,
    )


def _make(request: PrebuildRequest, variant: Variant, places: _Places, context: Context) -> Iterator[_Tried]:
    spec, target, libc = request.spec, variant.target, variant.libc
    label = f"{request.name} for {target.name} with {libc.value}"
    means = prebuild_means.get(variant, context)
    node = ensure_node(target, libc, spec.node, context) if isinstance(spec, NodeAddonSpec) else None
    inputs = CompileInputs(
        spec=spec,
        source=places.source,
        compilers=means.compilers,
        glibc_floor=variant.glibc if libc is Libc.GLIBC else None,
        work_dir=context.work_root / f"prebuild-{request.name}-{target.name}-{libc.value}",
        keep_dir=places.keep_dir,
        host_node=places.host_node,
        target_node=node,
    )
    with context.reporter.step(f"compile {label}") as step:
        compiled = compile_prebuild.run(inputs, context)
        step.detail(f"{means.compiler}, {sum(item.cpu_s for item in compiled):.1f} CPU seconds")
    for item in compiled:
        trial_s = None
        if request.trial and _can_be_tried(item.prebuild, node):
            where = Where.EMULATED if means.emulated else Where.NATIVE
            with context.reporter.step(f"run {item.prebuild.path}", where=where):
                trial_s = _try(item, means, node)
        yield _Tried(compiled=item, compiler=means.compiler, trial_s=trial_s, emulated=means.emulated)


def _can_be_tried(prebuild: Prebuild, node: Node | None) -> bool:
    if prebuild.kind is PrebuildKind.NODE_ADDON:
        return node is not None and node.runs
    return prebuild.probe is not None


def _try(item: CompiledPrebuild, means: prebuild_means.Means, node: Node | None) -> float | None:
    (path,) = item.files.values()
    return try_prebuild(
        Trial(
            prebuild=item.prebuild,
            path=path,
            target=means.compilers.target,
            executor=means.executor,
            workdir=path.parent,
            node=node.program if node and node.runs else None,
        )
    )
