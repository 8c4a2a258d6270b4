"""What has to hold for a lifted workspace before anything is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import LiftError, LockChangedError
from pipeline.lifting.graph import Graph, host_libraries, package_key, script_features
from pipeline.model.analysis import LiftedPackage, PackageKey, PatchedPackage
from pipeline.model.cargo import Metadata

_ABSOLUTE_PATH = re.compile(r"""\bpath\s*=\s*["'](/[^"']*)""")


def paths_relative(manifests: Mapping[Path, str]) -> None:
    """Make sure that the local packages of a workspace name each other in a way that holds for a copy, too.

    Raises LiftError.
    """
    for manifest, text in manifests.items():
        found = _ABSOLUTE_PATH.search(text)
        if found:
            raise LiftError(
                f"{manifest} names a package by an absolute path: {found[1]}",
                cause="the build works on a copy of the workspace, and an absolute path leads back to the original",
                action="write the path relative to the manifest",
            )


def overridable(
    lifted: Iterable[LiftedPackage], locked: Iterable[PackageKey], *, patched: Iterable[PatchedPackage] = ()
) -> None:
    """Make sure that copies can take the place of those lifted or patched packages that come from elsewhere.

    Cargo goes by the name alone: a copy takes the place of every version of the package.
    Raises LiftError.
    """
    versions: dict[str, list[PackageKey]] = {}
    for key in sorted(locked):
        versions.setdefault(key.name, []).append(key)
    reasons = {item.key: f"there is a patch for {item.key}" for item in patched}
    reasons |= {
        item.key: f"the build script of {item.key} makes a snapshot" for item in lifted if item.origin.is_elsewhere
    }
    for wanted, reason in reasons.items():
        others = [key for key in versions.get(wanted.name, ()) if key != wanted]
        if others:
            listed = ", ".join(f"v{key.version} ({key.source or 'local'})" for key in others)
            raise LiftError(
                f"{reason}, and Cargo.lock has other packages of that name: {listed}",
                cause="Cargo can put a copy in the place of a package by its name only, whatever the version",
                action=f"put a copy of {wanted} into the workspace and [patch] it in, or use one version only",
            )


def locked(metadata: Metadata, allowed: frozenset[PackageKey]) -> None:
    """Make sure that nothing is used that ``Cargo.lock`` does not name; ``--locked`` does not guard overrides.

    Raises LockChangedError.
    """
    unknown = sorted({package_key(package) for package in metadata.packages} - allowed)
    if unknown:
        listed = ", ".join(f"{key} ({key.source or 'local'})" for key in unknown)
        raise LockChangedError(
            f"the lifted workspace would use packages that Cargo.lock does not name: {listed}",
            cause="a path override or a configuration file of Cargo replaces packages",
            action="take the override out, or update Cargo.lock with it in force",
        )


def taken_from(package: LiftedPackage | PatchedPackage, metadata: Metadata, manifest: Path) -> None:
    """Make sure that Cargo takes a lifted or patched package from the overlay.

    Raises LiftError.
    """
    taken = [item.manifest_path for item in metadata.packages if package_key(item) == package.key]
    if taken != [manifest]:
        raise LiftError(
            f"{package.key} would be taken from {', '.join(map(str, taken)) or 'nowhere'} instead of the overlay",
            cause="a configuration file of Cargo puts another directory in its place ([patch] or paths)",
            action="take that out of the configuration, or make the package a member of the workspace",
        )


def no_vm_on_host(graph: Graph, vm_crate: str) -> None:
    """Make sure that the VM is not compiled for the build host any more.

    Raises LiftError.
    """
    for crate in host_libraries(graph):
        if crate.package.name == vm_crate:
            raise LiftError(
                f"{crate.package} would still be compiled for the build host",
                cause="something that is not a build script of the product asks for it there",
                action="please report the shape of the workspace: this should have been found before",
            )


def scripts_as_analysed(graph: Graph, lifted: Iterable[LiftedPackage]) -> None:
    """Make sure that every run of a lifted script has the features that its generator is made with.

    Raises LiftError.
    """
    wanted = {package.key: package.features for package in lifted}
    for crate in script_features(graph):
        features = wanted.get(crate.package, crate.features)
        if crate.features != features:
            differing = ", ".join(sorted(crate.features ^ features))
            raise LiftError(
                f"the build script of {crate.package} is needed with two sets of features"
                f" (one with and one without {differing})",
                cause="the product and another build script ask for different features of the package",
                action=f"ask for the same features of {crate.package.name} everywhere",
            )
