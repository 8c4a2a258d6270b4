"""The list of what a product is made of, written beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from pipeline import fs
from pipeline.model.analysis import Analysis, LinkedCrate, PackageKey
from pipeline.model.asset import ZIP_SUFFIX
from pipeline.model.components import COMPONENTS_SUFFIX, ComponentList
from pipeline.orchestrate.building.compiling import Compiled
from pipeline.orchestrate.building.parts import Part
from pipeline.orchestrate.building.recording import snapshot_records, v8_version
from pipeline.orchestrate.job import Job
from pipeline.rust import lockfile
from pipeline.sbom.listing import BundledFile, Parts, Vm, component_list


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """What the list is about, beside the job and the analysis."""

    part: Part
    bundled: tuple[BundledFile, ...]
    path: Path


def components_path(zip_path: Path) -> Path:
    """Return where the list of a zip's components lies: beside it, and named like it."""
    return zip_path.with_name(zip_path.name.removesuffix(ZIP_SUFFIX) + COMPONENTS_SUFFIX)


def write_components(job: Job, analysis: Analysis, made: Made, compiled: Compiled) -> str:
    """Write the list and return its SHA-256."""
    fs.write_text(made.path, _list(job, analysis, made, compiled).to_json())
    return fs.sha256_file(made.path)


def _list(job: Job, analysis: Analysis, made: Made, compiled: Compiled) -> ComponentList:
    archive = job.v8_archive
    parts = Parts(
        product=made.part.packages[0],
        crates=_linked_into(analysis.linked, made.part.packages),
        checksums=lockfile.checksums(analysis.lock_path),
        vm=Vm(
            crates=analysis.vm,
            version=v8_version(snapshot_records(compiled)),
            archive=archive.path.name if archive else None,
            archive_sha256=archive.sha256 if archive else None,
        ),
        rust_version=next(tool.version for tool in job.toolchain.tools if tool.name == "rustc"),
        bundled=made.bundled,
        packages=job.toolchain.sysroot_packages,
    )
    return component_list(parts, name=made.part.name, target=job.target.name, rust_triple=job.target.rust_triple)


def _linked_into(crates: tuple[LinkedCrate, ...], packages: Iterable[PackageKey]) -> tuple[LinkedCrate, ...]:
    """Return those of *crates* that the programs of *packages* are linked from."""
    requires = {crate.package: crate.requires for crate in crates}
    wanted, pending = set(packages), list(packages)
    while pending:
        new = set(requires[pending.pop()]) - wanted
        wanted |= new
        pending += new
    return tuple(crate for crate in crates if crate.package in wanted)
