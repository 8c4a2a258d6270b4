"""What is different in the lifting of a version that is not built yet."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from pipeline.context import Context
from pipeline.errors import LiftError, LockChangedError, NothingToLiftError, ToolboxError, WorkspaceError
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildRequest
from pipeline.model.spec.runtime_parts import VersionSpec
from pipeline.model.spec.versions import at_version
from pipeline.model.sync import NewVersion
from pipeline.orchestrate.building.preparing import lifted_job
from pipeline.orchestrate.releases.syncing import SyncRequest, published_source, resolved

SHOWN = 12
"""How many names of packages are told."""


def compare_lifting(request: SyncRequest, one: NewVersion, context: Context) -> tuple[str, ...]:
    """Return, in words, what is different from the version that is built when none is named.

    Both are analysed and lifted, for the first target; nothing is compiled, and V8 is not fetched. Why the new one
    cannot be lifted is a difference, too; raises what fetching raises.
    """
    runtime = request.spec.runtimes[one.runtime]
    built = published_source(at_version(one.runtime, runtime, None)).version
    entry = VersionSpec(version=one.version, rev=one.rev, buildable=False)
    described = runtime.model_copy(update={"versions": (*runtime.versions, entry)})
    spec = request.spec.model_copy(update={"runtimes": {**request.spec.runtimes, one.runtime: described}})
    old = _analysis(resolved(request, spec, one.runtime, built), context)
    try:
        new = _analysis(resolved(request, spec, one.runtime, one.version), context)
    except (LiftError, LockChangedError, NothingToLiftError, ToolboxError, WorkspaceError) as error:
        return tuple(filter(None, (f"it cannot be lifted: {error.what}", *error.details.splitlines())))
    return tuple(differences(old, new))


def _analysis(request: BuildRequest, context: Context) -> Analysis:
    with lifted_job(request, request.targets[0], context, runs_here=False, with_v8=False) as (_job, lift):
        return lift.analysis


def differences(old: Analysis, new: Analysis) -> Iterator[str]:
    """Yield what is different between two versions: build scripts that are lifted, the VM's crate, packages."""
    before, after = ({item.key.name: item for item in made.lifted} for made in (old, new))
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"the build script of {after[name].key} reaches {new.vm_crate} now"
        elif name not in after:
            yield f"the build script of {name} does not reach {new.vm_crate} any more"
        elif features := _changed(before[name].features, after[name].features):
            yield f"the build script of {name} is compiled with {features}"
    versions = [", ".join(key.version for key in made.vm) for made in (old, new)]
    if versions[0] != versions[1]:
        yield f"{new.vm_crate} {versions[0]} became {versions[1]}"
    rust = max((Version(item.rust_version) for item in new.published if item.rust_version), default=None)
    if rust is not None:
        yield f"packages of its lock want Rust {rust}"
    names = [frozenset(key.name for key in made.packages) for made in (old, new)]
    yield from _told("new packages", names[1] - names[0])
    yield from _told("packages that are gone", names[0] - names[1])


def _told(what: str, names: frozenset[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{what} ({len(names)}): {', '.join(sorted(names)[:SHOWN])}{more}"


def _changed(old: frozenset[str], new: frozenset[str]) -> str:
    return ", ".join([*(f"+{name}" for name in sorted(new - old)), *(f"-{name}" for name in sorted(old - new))])
