"""Which patches a build applies to what: the runtime's source first, packages that it depends on after the analysis."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from pipeline import cargo
from pipeline.errors import PatchError, SpecError
from pipeline.model.analysis import Selection
from pipeline.model.cargo import Package
from pipeline.model.spec import RegistrySource
from pipeline.orchestrate.job import Job
from pipeline.patches import PatchFile, read_patches
from pipeline.stages import patch
from pipeline.stages.source import SourceTree


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchedSource:
    """The source to build, and the patches that are for packages which are not in it."""

    path: Path
    applied: tuple[patch.AppliedPatch, ...] = ()
    left: tuple[PatchFile, ...] = ()


def patch_source(job: Job, tree: SourceTree) -> PatchedSource:
    """Apply the patches for the runtime's source, and those for packages in it, to a copy.

    Raises PatchError when one does not apply exactly, SpecError when one does not say for what it is or the runtime's
    version is unclear, WorkspaceError, ToolboxError without git.
    """
    patches = read_patches(job.request.patches_dir)
    if not patches:
        return PatchedSource(path=tree.path)
    members = _members(job, tree.path)
    version = _version(job, members)
    local = {member.name: member for member in members}
    here = [one for one in patches if one.package is None or one.package in local]
    placed = tuple(
        _placed(one, local, tree.path)
        for one in here
        if one.is_for(local[one.package].version if one.package else version)
    )
    name = job.request.name or tree.path.name
    made = patch.run(
        patch.PatchInputs(source=tree.path, digest=tree.digest, name=name, version=version, patches=placed),
        job.context,
    )
    left = tuple(one for one in patches if one not in here)
    return PatchedSource(path=made.path, applied=made.applied, left=left)


def require_nothing_left(left: Iterable[PatchFile]) -> None:
    """Make sure that every patch has found its package.

    Raises PatchError.
    """
    for one in left:
        raise PatchError(
            f"{one.name} is for the package {one.package}, which is not in the tree",
            cause="the name is misspelt, or this version of the runtime does not depend on the package",
            action=f"correct the line `Package:` in {one.path}, or build with --no-patches",
        )


def _placed(one: PatchFile, local: dict[str, Package], source: Path) -> patch.PlacedPatch:
    if one.package is None:
        return patch.PlacedPatch(patch=one)
    directory = os.path.relpath(local[one.package].directory, source.resolve())
    return patch.PlacedPatch(patch=one, directory="" if directory == "." else directory)


def _members(job: Job, source: Path) -> tuple[Package, ...]:
    call = cargo.CargoCall(
        cargo=job.toolchain.cargo,
        env=cargo.environment(job.toolchain, job.context),
        cwd=source,
        manifest_path=source / "Cargo.toml",
        target_dir=job.work_dir / "target",
        selection=Selection(target_triple=job.target.rust_triple),
    )
    return cargo.members(call).packages


def _version(job: Job, members: Iterable[Package]) -> str:
    """Return the runtime's version: the published one, or that of the package which is built."""
    runtime = job.request.runtime
    if isinstance(runtime.source, RegistrySource):
        return runtime.source.version
    versions = {member.version for member in members if runtime.package in {None, member.name}}
    if len(versions) == 1:
        return versions.pop()
    raise SpecError(
        "there are patches, and it is not clear which version of the runtime they have to be for",
        cause=f"the workspace has packages of the versions {', '.join(sorted(versions))}"
        if versions
        else f"the workspace has no package {runtime.package}",
        action="name the runtime's package in releases.toml (package)",
    )
