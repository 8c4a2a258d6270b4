"""Compile an addon, or programs, for one target and C library, and measure what they need."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import PrebuildError
from pipeline.model.asset import OS_NAME
from pipeline.model.findings import Finding
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildKind, Probe
from pipeline.model.prebuilds.name import PrebuildName
from pipeline.model.spec.prebuilds import ExecutableSpec, NodeAddonSpec, NpmSource
from pipeline.prebuilding import sources
from pipeline.prebuilding.checking import Need, Promise, check_file
from pipeline.prebuilding.cross_files import Compilers
from pipeline.prebuilding.described import describe
from pipeline.prebuilding.gyp import GypBuild, build_addon, package_facts
from pipeline.prebuilding.layout import copy_file
from pipeline.prebuilding.node_api import node_api_need
from pipeline.prebuilding.program import ProgramBuild, build_programs
from pipeline.toolchains.node import Node


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompileInputs:
    """One recipe for one target and C library."""

    spec: NodeAddonSpec | ExecutableSpec
    source: Path
    """Directory of the sources; for npm packages, of the project whose ``node_modules`` holds them."""
    compilers: Compilers
    glibc_floor: str | None
    """Newest glibc that may be needed."""
    work_dir: Path
    """Emptied first; the same one for each run, so that equal sources give equal bytes."""
    keep_dir: Path
    """Gets what was compiled, at its path in the package: another run may empty the work directory."""
    host_node: Node
    target_node: Node | None = None
    """None for programs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompiledPrebuild:
    """A prebuild, and the files on disk that it is made of."""

    prebuild: Prebuild
    files: Mapping[str, Path]
    """By their paths in the package."""
    cpu_s: float = 0.0
    duration_s: float = 0.0
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What project the prebuilds belong to."""

    name: str
    version: str


def identity(spec: NodeAddonSpec | ExecutableSpec, directory: Path) -> Identity:
    """Return name and version of what is compiled; raises PrebuildError when the sources do not say."""
    if isinstance(spec.source, NpmSource):
        return Identity(name=spec.source.package, version=spec.source.version)
    if isinstance(spec, ExecutableSpec) and spec.version:
        return Identity(name=next(iter(spec.programs)), version=spec.version)
    name, version = package_facts(directory)
    return Identity(name=name, version=version)


def run(inputs: CompileInputs, context: Context) -> tuple[CompiledPrebuild, ...]:
    """Compile and measure.

    Raises CompileError, PrebuildError when what came out does not fit its target, and what the file system raises.
    """
    with fs.locked_beside(inputs.work_dir, hidden=True):
        sources.empty_work_dir(inputs.work_dir)
        source = inputs.spec.source
        tree = (
            sources.fresh_project(inputs.source, source.package, inputs.work_dir)
            if isinstance(source, NpmSource)
            else sources.fresh_tree(inputs.source, inputs.work_dir)
        )
        if isinstance(inputs.spec, NodeAddonSpec):
            return (_addon(inputs, inputs.spec, tree, context),)
        return _programs(inputs, inputs.spec, tree, context)


def _addon(inputs: CompileInputs, spec: NodeAddonSpec, tree: Path, context: Context) -> CompiledPrebuild:
    node, target = inputs.target_node, inputs.compilers.target
    if node is None:
        raise AssertionError("an addon is compiled with the headers of a Node")
    build = GypBuild(
        tree=tree,
        compilers=inputs.compilers,
        host_node=inputs.host_node.program,
        gyp=inputs.host_node.gyp,
        node_root=node.root,
        arguments=spec.gyp_arguments,
        env=spec.env,
        strip=spec.strip,
        cxx=spec.cxx,
        addon=spec.addon,
    )
    compiled = build_addon(build, context)
    need = check_file(compiled.path, _promise(inputs))
    api = node_api_need(compiled.path, node.headers, target)
    if api is None and not node.runs:
        raise PrebuildError(
            f"{compiled.path.name} does not use Node-API, and there is no Node for {target.name} to compile it with",
            cause="it is bound to the V8 of one Node, whose headers differ from architecture to architecture",
            action=f"leave {target.name} out of `targets`",
        )
    place = PrebuildName(
        kind=PrebuildKind.NODE_ADDON,
        name=spec.name or identity(spec, inputs.source).name,
        platform=OS_NAME,
        arch=target.node_arch,
        libc=inputs.compilers.libc,
        node_abi=None if api else module_version(node.headers),
        arm_version=target.arm_version,
    )
    return CompiledPrebuild(
        prebuild=_described(inputs, place, compiled.path, need, node_api=api.version if api else None),
        files={place.path: _kept(inputs, place, compiled.path)},
        cpu_s=compiled.cpu_s,
        duration_s=compiled.duration_s,
        findings=need.findings,
    )


def _programs(
    inputs: CompileInputs, spec: ExecutableSpec, tree: Path, context: Context
) -> tuple[CompiledPrebuild, ...]:
    build = ProgramBuild(
        tree=tree,
        compilers=inputs.compilers,
        commands=spec.build,
        programs=spec.programs,
        env=spec.env,
        strip=spec.strip,
    )
    built = build_programs(build, context)
    target, share = inputs.compilers.target, 1 / len(built.programs)
    made = []
    for name, path in built.programs.items():
        need = check_file(path, _promise(inputs))
        place = PrebuildName(
            kind=PrebuildKind.EXECUTABLE,
            name=name,
            platform=OS_NAME,
            arch=target.node_arch,
            libc=inputs.compilers.libc,
            arm_version=target.arm_version,
        )
        probe = spec.probe.probe() if spec.probe else None
        made.append(
            CompiledPrebuild(
                prebuild=_described(inputs, place, path, need, probe=probe),
                files={place.path: _kept(inputs, place, path)},
                cpu_s=built.cpu_s * share,
                duration_s=built.duration_s * share,
                findings=need.findings,
            )
        )
    return tuple(made)


def module_version(headers: Path) -> int:
    """Return ``process.versions.modules`` of the Node that *headers* belong to; raises PrebuildError."""
    try:
        # A comment, then what Python's repr and JSON have in common.
        text = (headers / "config.gypi").read_text(encoding="utf-8").partition("\n")[2]
        return int(json.loads(text)["variables"]["node_module_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrebuildError(
            f"{headers / 'config.gypi'} does not say which version of modules its Node takes",
            cause="another form of that file than Node has had since version 12",
            action="choose another version of Node (`node` in releases.toml)",
        ) from error


def _kept(inputs: CompileInputs, place: PrebuildName, path: Path) -> Path:
    kept = inputs.keep_dir / place.path
    copy_file(path, kept, executable=place.kind is PrebuildKind.EXECUTABLE)
    return kept


def _described(
    inputs: CompileInputs, place: PrebuildName, path: Path, need: Need, *,
    node_api: int | None = None, probe: Probe | None = None,
) -> Prebuild:  # fmt: skip
    made = describe(
        path, place, libc_floor=need.libc_floor, libraries=need.libraries, node_api=node_api, probe=probe
    )  # fmt: skip
    return made.model_copy(update={"target": inputs.compilers.target.name})


def _promise(inputs: CompileInputs) -> Promise:
    return Promise(
        target=inputs.compilers.target,
        libc=inputs.compilers.libc,
        glibc_floor=inputs.glibc_floor,
        assumed_libraries=frozenset(inputs.spec.assumed_libraries),
    )
