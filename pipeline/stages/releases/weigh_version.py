"""Find out from a version's own files what building it takes, and what of that is not there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from pipeline import net
from pipeline.context import Context
from pipeline.errors import SpecError, UnsupportedError
from pipeline.model.spec.origins import PrebuiltVm, SourceVm, VmProvider
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.sync import NewVersion
from pipeline.model.target import find_target
from pipeline.net.wording import without_credentials
from pipeline.rust import lockfile
from pipeline.sources.patches import PatchFile
from pipeline.v8.names import UPSTREAM_BASE, V8Build, mirror_files
from pipeline.v8.recipe import V8Order

MAX_BINDING_BYTES = 64 * 1024 * 1024
VARIANTS = (frozenset[str](), frozenset({"simdutf"}), frozenset({"v8_enable_pointer_compression"}))
"""Features of the VM's crate that give an archive another name. Which ones are on, only Cargo can say: any will do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeighInputs:
    """One version, as it was published."""

    name: str
    """Of the runtime."""
    runtime: RuntimeSpec
    """As it is described, with paths that are absolute."""
    version: str
    tree: Path
    rust: str
    """Version of the compiler that would be used; empty where nobody knows."""
    patches: tuple[PatchFile, ...] = ()
    """Those of the runtime."""


def run(inputs: WeighInputs, context: Context) -> NewVersion:
    """Return what was found out.

    Raises LockfileMissingError, WorkspaceError, SpecError, and NetworkError where a mirror cannot be asked: what is not
    known is not written down.
    """
    crate = inputs.runtime.vm_crate
    with context.reporter.step(f"{inputs.name} {inputs.version}") as step:
        found = lockfile.versions_of(crate, inputs.tree / "Cargo.lock")
        rust, needed = lockfile.wanted_rust(inputs.tree), lockfile.least_rust(inputs.tree)
        vm_version = found[0] if len(found) == 1 else None
        obstacles = (*_vm_obstacles(inputs, found, context), *_rust_obstacles(rust or needed, inputs.rust))
        step.detail(f"{crate} {', '.join(found) or 'is not in its lock'}")
    return NewVersion(
        runtime=inputs.name,
        version=inputs.version,
        vm_crate=crate,
        vm_version=vm_version,
        rust=rust,
        obstacles=obstacles,
        remarks=tuple(_remarks(inputs)),
    )


def _rust_obstacles(wanted: str | None, here: str) -> Iterator[str]:
    if wanted and here and Version(here) < Version(wanted):
        yield f"it wants Rust {wanted}, and the tools have {here}"


def _vm_obstacles(inputs: WeighInputs, found: tuple[str, ...], context: Context) -> Iterator[str]:
    crate = inputs.runtime.vm_crate
    if not found:
        yield f"its Cargo.lock has no {crate}"
    for version in found:
        lacking: dict[str, list[str]] = {}
        for name in inputs.runtime.targets:
            reason = _vm_obstacle(inputs.runtime.vm_of(name), version, name, context)
            if reason:
                lacking.setdefault(reason, []).append(name)
        for reason, names in lacking.items():
            yield f"for {', '.join(names)}: {reason}"


def _vm_obstacle(provider: VmProvider, version: str, target: str, context: Context) -> str:
    try:
        if isinstance(provider, SourceVm):
            order = V8Order(version=version, target=find_target(target))
            _ = order.architecture, order.recipe
        elif isinstance(provider, PrebuiltVm) and not _has_archive(provider, version, target, context):
            # A directory is this machine's own business.
            place = without_credentials(provider.mirror or UPSTREAM_BASE)
            return f"there is no archive of V8 {version} {f'at {place}' if _is_address(place) else 'in the mirror'}"
    except (UnsupportedError, SpecError) as error:
        return error.what
    return ""


def _has_archive(provider: PrebuiltVm, version: str, target: str, context: Context) -> bool:
    mirror, triple = provider.mirror or UPSTREAM_BASE, find_target(target).rust_triple
    builds = [V8Build(version=version, triple=triple, features=features) for features in VARIANTS]
    # A binding is small, and lies beside each archive.
    paths = dict.fromkeys(mirror_files(build)[-1].relative_path for build in builds)
    return any(_has(mirror, path, context) for path in paths)


def _is_address(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _has(mirror: str, path: str, context: Context) -> bool:
    if not _is_address(mirror):
        return (Path(mirror).expanduser() / path).is_file()
    try:
        with net.Client(environ=context.environ, reporter=context.reporter) as client:
            client.get_bytes(f"{mirror.rstrip('/')}/{path}", max_bytes=MAX_BINDING_BYTES)
    except net.MissingFileError:
        return False
    return True


def _remarks(inputs: WeighInputs) -> Iterator[str]:
    own = [one for one in inputs.patches if one.package in {None, inputs.runtime.package}]
    if own and not any(one.is_for(inputs.version) for one in own):
        yield f"none of the {len(own)} patches is for it"
