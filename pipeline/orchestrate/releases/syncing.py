"""From what upstream has published to what ``releases.toml`` should say about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import SpecError, UnknownNameError, UsageError
from pipeline.model.build import BuildRequest, ToolchainMode
from pipeline.model.spec.edit import with_versions
from pipeline.model.spec.origins import GitSource, PathSource, RegistrySource, VmProvider
from pipeline.model.spec.selection import Selection, resolve
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.model.sync import NewVersion, described_versions, is_version
from pipeline.model.toolchain import Toolchain
from pipeline.rust import cargo
from pipeline.sources.patches import read_patches
from pipeline.stages.building import source, toolbox
from pipeline.stages.releases import find_versions, weigh_version
from pipeline.toolchains.request import Machine


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncRequest:
    """What is to be brought up to date."""

    spec: Spec
    spec_path: Path
    patches_dir: Path
    """Holds a directory of patches for each runtime."""
    runtimes: tuple[str, ...] = ()
    """Empty: every one whose source has versions."""
    v8: VmProvider | None = None
    """Where V8 comes from, in place of what the file says."""
    since: str | None = None
    limit: int = find_versions.DEFAULT_LIMIT
    dry_run: bool = False
    toolchain: ToolchainMode = "auto"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Synced:
    """What was found, and what became of the file."""

    versions: tuple[NewVersion, ...]
    """The newest first, runtime by runtime."""
    left_out: tuple[tuple[str, str], ...]
    """Runtimes that have nobody to ask, and why."""
    old_text: str
    new_text: str
    """Of ``releases.toml``; equal where there is nothing new."""
    written: bool


Compare = Callable[["SyncRequest", NewVersion, Context], tuple[str, ...]]
"""Says in words what is different in the lifting of a new version."""


def synchronise(request: SyncRequest, context: Context, compare: Compare | None = None) -> Synced:
    """Look for versions that are not described, and describe them: all of them, or, when anything fails, none.

    Raises UnknownNameError, UsageError, SpecError, SourceError, NetworkError, and what fetching raises.
    """
    names = _chosen(request)
    old_text = request.spec_path.read_text(encoding="utf-8")
    asked = [name for name in names if not _why_not(request.spec.runtimes[name])]
    found: list[NewVersion] = []
    if asked:
        toolchain = toolbox.run(toolbox.ToolboxInputs(target=Machine().host(), mode=request.toolchain), context)
        found = [one for name in asked for one in _new_versions(request, name, toolchain, context)]
    # The file has the oldest first, as upstream made them.
    new_text = with_versions(old_text, reversed(found))
    if compare is not None:
        found = [dataclasses.replace(one, lifting=compare(request, one, context)) for one in found]
    changed = new_text != old_text and not request.dry_run
    if changed:
        _write(request.spec_path, old_text, new_text)
    left_out = tuple((name, _why_not(request.spec.runtimes[name])) for name in names if name not in asked)
    return Synced(versions=tuple(found), left_out=left_out, old_text=old_text, new_text=new_text, written=changed)


def _write(path: Path, old_text: str, new_text: str) -> None:
    """Write the file. Raises SpecError when somebody changed it meanwhile: looking takes minutes."""
    if path.read_text(encoding="utf-8") != old_text:
        raise SpecError(
            f"{path} was changed meanwhile",
            cause="an editor, or another run of `sync`, wrote it while versions were looked at",
            action="run the same command again; what was fetched is kept",
        )
    fs.write_text(path, new_text)


def _chosen(request: SyncRequest) -> tuple[str, ...]:
    known = request.spec.runtimes
    for name in request.runtimes:
        if name not in known:
            raise UnknownNameError(
                f"there is no runtime {name!r}",
                cause="a misspelt name, or a runtime that releases.toml does not describe",
                action=f"choose one of {', '.join(known) or '(none is described)'}",
            )
        published_source(known[name], name)
    if request.since is not None and not is_version(request.since):
        raise UsageError(
            f"{request.since!r} is no version", cause="--since takes a number", action="give one such as --since 2.4.5"
        )
    return tuple(dict.fromkeys(request.runtimes)) or tuple(known)


def published_source(runtime: RuntimeSpec, name: str = "the runtime") -> RegistrySource | GitSource:
    """Return the runtime's source. Raises UsageError for one that has no versions."""
    source = runtime.source
    if isinstance(source, PathSource) or _why_not(runtime):
        raise UsageError(
            f"{name} has nobody to ask for versions",
            cause=_why_not(runtime),
            action="leave it out, or give a source of kind `git` its `version`",
        )
    return source


def _why_not(runtime: RuntimeSpec) -> str:
    """Return why there are no versions to look for; empty where there are."""
    if isinstance(runtime.source, PathSource):
        return "its source is of kind path"
    return "" if runtime.source.version else "its source does not say which version the commit is"


def _new_versions(request: SyncRequest, name: str, toolchain: Toolchain, context: Context) -> Iterator[NewVersion]:
    runtime = _placed(request, name)
    env = cargo.environment(toolchain, context)
    found = find_versions.run(
        find_versions.FindInputs(
            source=published_source(runtime),
            described=described_versions(request.spec.runtimes[name]),
            cargo=toolchain.cargo,
            cargo_env=env,
            since=request.since,
            limit=request.limit,
        ),
        context,
    )
    patches = read_patches(request.patches_dir / (runtime.patches or name))
    rust = next((tool.version for tool in toolchain.tools if tool.name == "rustc"), "")
    for wanted in found:
        tree = source.run(source.SourceInputs(source=wanted, cargo=toolchain.cargo, cargo_env=env), context)
        weighed = weigh_version.run(
            weigh_version.WeighInputs(
                name=name, runtime=runtime, version=wanted.version or "", tree=tree.path, rust=rust, patches=patches
            ),
            context,
        )
        yield dataclasses.replace(weighed, rev=wanted.rev if isinstance(wanted, GitSource) else None)


def _placed(request: SyncRequest, name: str) -> RuntimeSpec:
    """Return the runtime as new versions inherit it, with absolute paths."""
    return resolved(request, request.spec, name, published_source(request.spec.runtimes[name]).version).runtime


def resolved(request: SyncRequest, spec: Spec, name: str, version: str | None) -> BuildRequest:
    """Return what a build of one version would be asked for."""
    selection = Selection(
        runtime=name,
        version=version,
        v8=request.v8,
        out_dir=request.spec_path.parent / "dist",
        toolchain=request.toolchain,
        patches_dir=request.patches_dir,
    )
    return resolve(spec, selection, base_dir=request.spec_path.parent)
