"""One target and C library of a recipe: compilers, a build, a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.context import Context
from pipeline.model.build import ToolchainMode
from pipeline.model.events import Where
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildKind
from pipeline.model.prebuilds.result import MadePrebuild
from pipeline.model.spec.prebuilds import ExecutableSpec, NodeAddonSpec
from pipeline.model.spec.tables import Spec, TargetSpec
from pipeline.model.target import Target
from pipeline.orchestrate.prebuilds import means as prebuild_means
from pipeline.orchestrate.prebuilds.means import Variant
from pipeline.prebuilding.trial import Trial, try_prebuild
from pipeline.stages.prebuilds import compile_prebuild
from pipeline.stages.prebuilds.compile_prebuild import CompiledPrebuild, CompileInputs
from pipeline.toolchains.node import Node, ensure_node


@dataclasses.dataclass(frozen=True, kw_only=True)
class Making:
    """What all variants of a recipe have in common."""

    name: str
    spec: NodeAddonSpec | ExecutableSpec
    table: Spec
    """For what `targets` says about suites and glibc."""
    toolchain: ToolchainMode
    trial: bool
    """Whether what was compiled is run."""
    source: Path
    host_node: Node
    keep_dir: Path
    """Gets what was compiled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """What was compiled, and how it ran."""

    compiled: CompiledPrebuild
    compiler: str
    trial_s: float | None
    emulated: bool

    def row(self) -> MadePrebuild:
        """Return it as the result of the run has it."""
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


def make(making: Making, target: Target, libc: Libc, context: Context) -> Iterator[Tried]:
    """Compile and try; yield each prebuild that works. Raises what compiling, fetching tools and trying raise."""
    spec, variant = making.spec, _variant(making, target, libc)
    label = f"{making.name} for {target.name} with {libc.value}"
    means = prebuild_means.get(variant, context)
    node = ensure_node(target, libc, spec.node, context) if isinstance(spec, NodeAddonSpec) else None
    inputs = CompileInputs(
        spec=spec,
        source=making.source,
        compilers=means.compilers,
        glibc_floor=variant.glibc if libc is Libc.GLIBC else None,
        work_dir=context.work_root / f"prebuild-{making.name}-{target.name}-{libc.value}",
        keep_dir=making.keep_dir,
        host_node=making.host_node,
        target_node=node,
    )
    with context.reporter.step(f"compile {label}") as step:
        compiled = compile_prebuild.run(inputs, context)
        step.detail(f"{means.compiler}, {sum(item.cpu_s for item in compiled):.1f} CPU seconds")
    for item in compiled:
        trial_s = None
        if making.trial and _can_be_tried(item.prebuild, node):
            where = Where.EMULATED if means.emulated else Where.NATIVE
            with context.reporter.step(f"run {item.prebuild.path}", where=where):
                trial_s = _try(item, means, node)
        yield Tried(compiled=item, compiler=means.compiler, trial_s=trial_s, emulated=means.emulated)


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


def _variant(making: Making, target: Target, libc: Libc) -> Variant:
    of_target = making.table.targets.get(target.name, TargetSpec())
    return Variant(
        target=target,
        libc=libc,
        suite=of_target.suite,
        suite_glibc=of_target.glibc,
        glibc=making.spec.glibc or of_target.glibc,
        compiler=making.spec.compiler,
        toolchain=making.toolchain,
    )
