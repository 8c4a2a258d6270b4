"""What the analysis of an untouched workspace finds: the product, and the build scripts to be lifted."""

from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path

from pipeline.model.cargo import Package


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class PackageKey:
    """What ``Cargo.lock`` knows a package by. Two keys are equal in the original tree and in its overlay."""

    name: str
    version: str
    source: str = ""
    """Registry or repository; empty for a package in a local directory."""

    def __str__(self) -> str:
        """Return the name and the version, as Cargo prints them."""
        return f"{self.name} v{self.version}"

    @property
    def spec(self) -> str:
        """Return the package as Cargo's ``-p`` takes it."""
        return f"{self.name}@{self.version}"

    @property
    def slug(self) -> str:
        """Return name and version in a form that is good for names of files and programs."""
        return f"{self.name}-{re.sub('[^0-9A-Za-z_-]', '-', self.version)}"


class Origin(enum.StrEnum):
    """Where the files of a package come from."""

    MEMBER = "member"
    PATH = "path"
    REGISTRY = "registry"
    GIT = "git"

    @property
    def is_elsewhere(self) -> bool:
        """Return whether the files are not in a directory of the user's own, and never change."""
        return self in {Origin.REGISTRY, Origin.GIT}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrateFeatures:
    """A crate and the features that it is compiled with."""

    package: PackageKey
    features: frozenset[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinkedCrate:
    """A crate that is part of the product, as its manifest describes it."""

    package: PackageKey
    license: str | None
    repository: str | None
    requires: tuple[PackageKey, ...]
    """Crates of the product that it uses itself, sorted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiftedPackage:
    """A package whose build script is to run on the target."""

    key: PackageKey
    origin: Origin
    manifest_path: Path
    """In the original tree."""
    script_path: Path
    """The build script, in the original tree."""
    manifest: str | None = None
    """The manifest to begin with, where the text of the original has a meaning in its repository only."""
    top: Path | None = None
    """Directory that holds a patched package with what lies around it; None for one that is as it was."""
    features: frozenset[str]
    """Features of the package that its build script is compiled with in the untouched tree."""
    in_product: bool
    """Whether the product itself needs the package, or only another lifted build script does."""
    requires: tuple[PackageKey, ...]
    """Lifted packages whose snapshots the generator is made on top of."""
    closure: tuple[CrateFeatures, ...]
    """Every library that the untouched build script links, as compiled for the host."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchedPackage:
    """A package from elsewhere, not a lifted one, that is taken from a patched copy."""

    key: PackageKey
    origin: Origin
    manifest_path: Path
    """In the patched copy."""
    top: Path
    """Directory that holds the package with what lies around it in its repository; else its own."""
    manifest: str | None = None
    """The manifest to build with, where the text of the original has a meaning in its repository only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathPackage:
    """A package in a local directory."""

    key: PackageKey
    manifest_path: Path
    member: bool

    @property
    def directory(self) -> Path:
        """Return the package's directory."""
        return self.manifest_path.parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product:
    """The package that is built, and the programs of it that are wanted."""

    key: PackageKey
    manifest_path: Path
    binaries: tuple[str, ...]
    has_default_feature: bool
    lifted: frozenset[PackageKey] = frozenset()
    """Lifted packages whose snapshots these programs hold."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """With what choices the product is built; both phases use the same."""

    target_triple: str
    profile: str = "release"
    features: tuple[str, ...] = ()
    default_features: bool = True
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` settings of profiles that the sources lack."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GitFacts:
    """The repository that the workspace lies in."""

    top_dir: Path
    git_dir: Path
    """Of this work tree."""
    common_dir: Path
    """Of the repository; the same as *git_dir* except in a linked work tree."""
    commit: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Analysis:
    """An untouched workspace, read for one product and one target."""

    workspace_root: Path
    call_dir: Path
    """Where Cargo is run, so that it finds the configuration files that apply to the workspace."""
    product: Product
    companions: tuple[Product, ...] = ()
    """Other packages of the workspace whose programs are built by the same calls of Cargo."""
    selection: Selection
    vm_crate: str
    vm: tuple[PackageKey, ...]
    """The VM crate, in each version that the product links."""
    raise_vm_opt_level: bool
    """Whether the profile leaves the VM crate unoptimised, which V8 does not survive."""
    lifted: tuple[LiftedPackage, ...]
    """In the order in which the generators are to be built: an inner snapshot first."""
    patched: tuple[PatchedPackage, ...] = ()
    """Packages from elsewhere that patches are for; lifted ones lead to their patched copies themselves."""
    packages: frozenset[PackageKey]
    """Everything that ``Cargo.lock`` names."""
    lock_path: Path
    lock_sha256: str
    path_packages: tuple[PathPackage, ...]
    published: tuple[Package, ...]
    """Packages that are not local, as Cargo describes them: the same in an overlay."""
    target_features: tuple[CrateFeatures, ...]
    """Every library of the untouched product, as compiled for the target."""
    host_features: tuple[CrateFeatures, ...]
    """Every library that the untouched build compiles for the host."""
    per_package_features: bool
    """Whether Cargo takes ``PACKAGE/FEATURE`` for each selected package (resolver 2 and later) or only for others
    than the product (resolver 1)."""
    host_triple: str
    git: GitFacts | None
    target_directory: Path
    """Where an ordinary ``cargo build`` of the workspace puts its results."""
    linked: tuple[LinkedCrate, ...] = ()
    """Every crate that the untouched product links, itself included, sorted."""

    @property
    def products(self) -> tuple[Product, ...]:
        """Return everything that is built, the product first."""
        return (self.product, *self.companions)

    def is_product(self, key: PackageKey) -> bool:
        """Return whether the package is one of those whose programs are built."""
        return any(product.key == key for product in self.products)
