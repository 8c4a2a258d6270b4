"""Which files of the build machine a generator may open, and which of its variables stay here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.model.analysis import LiftedPackage
from pipeline.orchestrate.building.identity import local_dirs
from pipeline.orchestrate.job import Job
from pipeline.processes import proc
from pipeline.rust import cargo
from pipeline.workbench.lift import Lift

_TRAVELLING = frozenset({"LANG", "LC_ALL", "SOURCE_DATE_EPOCH"})


def local_sources(lift: Lift, package: LiftedPackage) -> Iterator[Path]:
    """Yield the directory of a lifted package, and those of all local packages that its build script links."""
    yield lift.copies.manifest(package).parent
    local = dict(local_dirs(lift))
    yield from (local[crate.package] for crate in package.closure if crate.package in local)


def package_dirs(lift: Lift) -> tuple[Path, ...]:
    """Return the directory of every package of the lifted workspace; Cargo is asked."""
    metadata = cargo.metadata(lift.call, platforms=(lift.call.selection.target_triple,))
    return tuple(sorted({package.manifest_path.parent for package in metadata.packages}))


def own_variables(job: Job) -> frozenset[str]:
    """Return the names of variables that say something about this machine only, or that nobody else may see."""
    mine = frozenset(proc.base_environment(job.context.environ))
    return (mine | {"PATH"}) - _TRAVELLING - frozenset(job.request.runtime.env)
