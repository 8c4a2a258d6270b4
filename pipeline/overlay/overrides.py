"""Copies of packages from registries and repositories, which Cargo takes in place of the originals.

The setting ``paths`` (The Cargo Book, "Overriding Dependencies", "paths overrides") puts a package in a directory in
the place of the package of the same name. Cargo only warns when the copy's dependencies differ, and writes nothing
about it to ``Cargo.lock``. It looks for packages in subdirectories, too, but does not follow links there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.model.analysis import LiftedPackage, Origin, PackageKey, PatchedPackage
from pipeline.model.cargo import Metadata, Package
from pipeline.overlay.layout import Layout
from pipeline.overlay.tree import Overlay, Synced, Watch, merged

_NOT_COPIED = frozenset({"Cargo.toml.orig"})
"""The manifest before its publication, of which Cargo makes no use."""


Copied = LiftedPackage | PatchedPackage


class Overrides:
    """A copy of each package at a fixed path; manifests can be rewritten, the originals stay as they are."""

    def __init__(self, triggers: Mapping[Copied, Path | None], *, directory: Path) -> None:
        """Describe copies of packages, each in a directory of its own below *directory*.

        *triggers* has for each package the file that is written anew when the copy changes, if there is to be one.
        """
        self._originals = {package.key: package.manifest_path for package in triggers}
        self._overlays = {
            package.key: _overlay(package, directory / _name(package.key), trigger)
            for package, trigger in triggers.items()
        }

    def __contains__(self, key: object) -> bool:
        """Return whether a package is one of those that are copied."""
        return key in self._overlays

    @property
    def settings(self) -> tuple[str, ...]:
        """Return the setting, as ``--config`` takes it, that makes Cargo use the copies."""
        directories = [str(self.manifest(key).parent) for key in self._overlays]
        # A JSON string is a TOML string as well, as long as it is not made of surrogates.
        return (f"paths={json.dumps(directories, ensure_ascii=False)}",) if directories else ()

    def manifest(self, key: PackageKey) -> Path:
        """Return where the manifest of a package lies in its copy."""
        return self._overlays[key].layout.locate(self._originals[key])

    def sync(self) -> tuple[Synced, ...]:
        """Make the copies; those that are there already are compared with the originals by size and time.

        Raises WorkspaceError when an original cannot be read, NotWritableError and DiskFullError.
        """
        return tuple(overlay.sync() for overlay in self._overlays.values())

    def write(self, key: PackageKey, text: str) -> None:
        """Replace the manifest of a copy, leaving its time of modification as it was."""
        self._overlays[key].write(self._originals[key], text)

    def identify(self, metadata: Metadata) -> Metadata:
        """Return *metadata* with the packages of the copies marked as what they stand for."""
        sources = {self.manifest(key): key.source for key in self._overlays}
        packages = (_standing_for(package, sources.get(package.manifest_path)) for package in metadata.packages)
        return metadata.model_copy(update={"packages": tuple(packages)}) if sources else metadata


@dataclasses.dataclass(frozen=True, kw_only=True)
class Copies:
    """The copy of a workspace with the copies of packages from elsewhere."""

    workspace: Overlay
    overrides: Overrides

    def sync(self) -> Synced:
        """Bring all copies up to date.

        Raises WorkspaceError when an original cannot be read, NotWritableError and DiskFullError.
        """
        return merged([self.workspace.sync(), *self.overrides.sync()])

    def manifest(self, package: Copied) -> Path:
        """Return where the manifest of a package lies in its copy."""
        if package.key in self.overrides:
            return self.overrides.manifest(package.key)
        return self.workspace.layout.locate(package.manifest_path)

    def write(self, package: Copied, text: str) -> None:
        """Replace the manifest of a package, leaving its time of modification as it was."""
        if package.key in self.overrides:
            self.overrides.write(package.key, text)
        else:
            self.workspace.write(package.manifest_path, text)

    def write_all(self, packages: Iterable[LiftedPackage], manifests: Mapping[PackageKey, str]) -> None:
        """Replace the manifests of several packages."""
        for package in packages:
            self.write(package, manifests[package.key])


def _standing_for(package: Package, source: str | None) -> Package:
    return package.model_copy(update={"stands_for": source}) if source else package


def _name(key: PackageKey) -> str:
    """Return a name that is the same for the same content: what registries and commits hold never changes."""
    return f"{key.slug}-{hashlib.sha256(key.source.encode()).hexdigest()[:8]}"


def _overlay(package: Copied, tree: Path, trigger: Path | None) -> Overlay:
    is_rewritten = isinstance(package, LiftedPackage) or package.manifest is not None
    watch = Watch(
        packages={package.manifest_path.parent: package.key},
        rewritten=frozenset({package.manifest_path} if is_rewritten else ()),
        triggers={package.key: trigger} if trigger else {},
    )
    return Overlay(_layout(package, tree), state_path=tree.with_name(f"{tree.name}.json"), watch=watch)


def _layout(package: Copied, tree: Path) -> Layout:
    """Return the layout of one copy.

    Around a package of a repository, the rest of the checkout is linked: files may be included from there. A
    published package is complete in itself.
    """
    directory = package.manifest_path.parent
    top = package.top or (checkout_of(directory) if package.origin is Origin.GIT else directory)
    return Layout(
        tree=tree,
        base=top,
        roots=(directory,),
        limits=(top,),
        excluded=frozenset(directory / name for name in _NOT_COPIED),
        linked=frozenset(_packages_below(directory)),
    )


def checkout_of(directory: Path) -> Path:
    """Return the top of the checkout that a package of a repository lies in."""
    return next((path for path in (directory, *directory.parents) if (path / ".git").exists()), directory)


def _packages_below(directory: Path) -> Iterable[Path]:
    """Yield the outermost directories below a package that are packages, too: Cargo must not find them there."""
    for current, names, files in os.walk(directory):
        if current != str(directory) and "Cargo.toml" in files:
            names.clear()
            yield Path(current)
