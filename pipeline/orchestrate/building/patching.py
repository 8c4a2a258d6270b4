"""Which patches a build applies to what: the runtime's source first, packages that it depends on after the analysis."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.errors import PatchError, SpecError
from pipeline.lifting.graph import package_key
from pipeline.model.analysis import Analysis, Origin, PatchedPackage, Selection
from pipeline.model.cargo import Package
from pipeline.model.spec.origins import RegistrySource
from pipeline.orchestrate.job import Job
from pipeline.overlay.overrides import checkout_of
from pipeline.rust import cargo
from pipeline.sources.patches import PatchFile, read_patches
from pipeline.stages.building import analyze, patch
from pipeline.stages.building.source import SourceTree


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


def patch_packages(
    job: Job, analysis: Analysis, left: Iterable[PatchFile]
) -> tuple[Analysis, tuple[patch.AppliedPatch, ...]]:
    """Apply the patches for packages from registries and repositories to copies; return the analysis that uses them.

    Raises PatchError when the tree has no such package, or when a patch does not apply exactly or changes a manifest.
    """
    wanted: dict[str, list[PatchFile]] = {}
    for one in left:
        for package in _found(one, analysis):
            if one.is_for(package.version):
                wanted.setdefault(package.id, []).append(one)
    packages = {package.id: package for package in analysis.published}
    applied: list[patch.AppliedPatch] = []
    for package_id, patches in wanted.items():
        copy, done = _patched_copy(job, packages[package_id], patches)
        analysis = _taking(analysis, packages[package_id], copy)
        applied += done
    return analysis, tuple(applied)


def _found(one: PatchFile, analysis: Analysis) -> tuple[Package, ...]:
    packages = tuple(package for package in analysis.published if package.name == one.package)
    if not packages:
        raise PatchError(
            f"{one.name} is for the package {one.package}, which is not in the tree",
            cause="the name is misspelt, or this version of the runtime does not depend on the package",
            action=f"correct the line `Package:` in {one.path}, or build with --no-patches",
        )
    return packages


def _patched_copy(
    job: Job, package: Package, patches: list[PatchFile]
) -> tuple[PatchedPackage, tuple[patch.AppliedPatch, ...]]:
    """Copy a package, or the whole checkout that it lies in, and patch it."""
    is_git = package_key(package).source.startswith("git+")
    top = checkout_of(package.directory) if is_git else package.directory
    inside = os.path.relpath(package.directory, top)
    directory = "" if inside == "." else inside
    made = patch.run(
        patch.PatchInputs(
            source=top,
            # What registries and commits hold never changes.
            digest=fs.sha256_json([package.name, package.version, package.source]),
            name=package.name,
            version=package.version,
            patches=tuple(patch.PlacedPatch(patch=one, directory=directory) for one in patches),
            excluded=(".git",),
        ),
        job.context,
    )
    manifest_path = made.path / inside / "Cargo.toml"
    _require_same_manifest(package, manifest_path, patches)
    copy = PatchedPackage(
        key=package_key(package),
        origin=Origin.GIT if is_git else Origin.REGISTRY,
        manifest_path=manifest_path,
        top=made.path,
        manifest=analyze.standalone(package) if is_git else None,
    )
    return copy, made.applied


def _require_same_manifest(package: Package, copy: Path, patches: list[PatchFile]) -> None:
    if fs.sha256_file(copy) != fs.sha256_file(package.manifest_path):
        raise PatchError(
            f"a patch changes Cargo.toml of {package.name} {package.version}: one of"
            f" {', '.join(one.name for one in patches)}",
            cause="Cargo.lock would not be true any more: what the package depends on is settled in it",
            action="put a changed package into the workspace and [patch] it in, with a lock file of its own",
        )


def _taking(analysis: Analysis, package: Package, copy: PatchedPackage) -> Analysis:
    """Return the analysis with one package taken from its patched copy."""
    lifted = [item for item in analysis.lifted if item.key == copy.key]
    if not lifted:
        return dataclasses.replace(analysis, patched=(*analysis.patched, copy))
    (old,) = lifted
    script = copy.manifest_path.parent / old.script_path.relative_to(package.directory)
    new = dataclasses.replace(old, manifest_path=copy.manifest_path, script_path=script, top=copy.top)
    return dataclasses.replace(analysis, lifted=tuple(new if item is old else item for item in analysis.lifted))


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
