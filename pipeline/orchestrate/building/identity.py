"""Which build a snapshot belongs to, told without anything that depends on the machine or the directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline import fs
from pipeline.model.analysis import PackageKey
from pipeline.model.bundle import Identity
from pipeline.model.spec.origins import SystemVm
from pipeline.orchestrate.job import Job
from pipeline.workbench.lift import Lift


def identity_of(job: Job, lift: Lift) -> Identity:
    """Return what decides whether a snapshot belongs into this build's product."""
    runtime, analysis = job.request.runtime, lift.analysis
    return Identity(
        target=job.target.name,
        lock_sha256=analysis.lock_sha256,
        features=tuple(sorted(runtime.features)),
        default_features=runtime.default_features,
        profile=runtime.profile,
        settings=analysis.selection.settings,
        vm=tuple(sorted(map(str, analysis.vm))),
        vm_provider_sha256=_provider_digest(job, lift),
        toolchain_digest=job.toolchain.digest,
        sources_sha256=_sources_digest(lift),
        env_sha256=fs.sha256_json(dict(runtime.env)),
        patches=tuple(patch.sha256 for patch in job.patches),
    )


def local_dirs(lift: Lift) -> Iterator[tuple[PackageKey, Path]]:
    """Yield each package in a local directory with where it lies in the overlay."""
    for package in lift.analysis.path_packages:
        yield package.key, lift.overlay.layout.locate(package.directory)


def _provider_digest(job: Job, lift: Lift) -> str:
    provider = job.request.runtime.vm_of(job.target.name)
    if isinstance(provider, SystemVm):
        return fs.sha256_json(provider.model_dump(mode="json"))
    # The directory's name is a digest of the archive in it; where it lies does not matter.
    names = {name: Path(value).name for name, value in lift.call.env.items() if name.startswith("RUSTY_V8")}
    return fs.sha256_json([provider.kind, names])


def _sources_digest(lift: Lift) -> str:
    """Return the digest of every local package that a generator is compiled from, as the user wrote it."""
    wanted = {crate.package for package in lift.analysis.lifted for crate in package.closure}
    wanted |= {package.key for package in lift.analysis.lifted}
    originals = {package.key: package.manifest_path for package in lift.analysis.lifted}
    lines = []
    for key, directory in sorted(local_dirs(lift)):
        if key in wanted:
            manifest = originals.get(key, directory / "Cargo.toml")
            lines.append(f"{key} manifest {fs.sha256_file(manifest)}")
            files = (item for item in fs.describe_tree(directory) if item.path != "Cargo.toml")
            lines += [f"{key} {item.path} {item.sha256}" for item in files]
    return fs.sha256_json(lines)
