"""What Cargo is asked for, and what it says: metadata, the unit graph and build messages, as far as we read them.

Formats: `cargo metadata` version 1 and the JSON messages of `cargo build` are stable (The Cargo Book, "External
tools"); the unit graph is unstable and has had version 1 since Cargo 1.43 (The Cargo Book, "unit-graph").
Fields that are not named here are ignored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import pydantic


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal:
    """What a call builds: programs of packages, and the features of exactly these packages."""

    packages: tuple[str, ...]
    """Package id specifications, such as ``name@1.0.0``."""
    bins: tuple[str, ...]
    features: tuple[str, ...] = ()
    default_features: bool = True


class CargoModel(pydantic.BaseModel):
    """Base of Cargo's records: frozen, tolerant of new fields."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class CargoTarget(CargoModel):
    """One thing that Cargo compiles of a package: a library, a program, a build script and so on."""

    name: str
    kind: tuple[str, ...]
    src_path: str
    """Text, because there are tens of thousands of them in a large tree."""

    @property
    def is_build_script(self) -> bool:
        """Return whether this is a build script."""
        return "custom-build" in self.kind

    @property
    def is_proc_macro(self) -> bool:
        """Return whether this is a procedural macro, which always runs inside the host's compiler."""
        return "proc-macro" in self.kind

    @property
    def is_binary(self) -> bool:
        """Return whether this is a program."""
        return "bin" in self.kind

    @property
    def is_library(self) -> bool:
        """Return whether others can link this (procedural macros not counted)."""
        return bool({"lib", "rlib", "dylib", "cdylib", "staticlib"} & set(self.kind))


class Dependency(CargoModel):
    """One entry of a dependency table."""

    name: str
    kind: Literal["dev", "build"] | None = None
    rename: str | None = None
    optional: bool = False
    target: str | None = None
    req: str = "*"
    """Which versions fit."""
    uses_default_features: bool = True
    features: tuple[str, ...] = ()
    source: str | None = None
    """Registry or repository; None for a local directory."""
    registry: str | None = None
    """Address of the registry's index, where it is not the default one."""

    @property
    def key(self) -> str:
        """Return the name under which the manifest lists the dependency."""
        return self.rename or self.name


class Package(CargoModel):
    """One package of a resolution."""

    id: str
    name: str
    version: str
    source: str | None
    """Registry or repository; None for a package in a local directory."""
    manifest_path: Path
    targets: tuple[CargoTarget, ...]
    dependencies: tuple[Dependency, ...] = ()
    features: Mapping[str, tuple[str, ...]] = {}
    default_run: str | None = None
    edition: str = "2015"
    license: str | None = None
    """As the manifest has it: an SPDX expression, or the older form with slashes."""
    license_file: str | None = None
    repository: str | None = None
    rust_version: str | None = None
    """Oldest Rust that compiles it, as the manifest has it."""
    stands_for: str | None = None
    """Registry or repository of the package that this one takes the place of; Cargo does not tell, we do."""

    @property
    def binaries(self) -> tuple[str, ...]:
        """Return the names of the package's programs."""
        return tuple(target.name for target in self.targets if target.is_binary)

    @property
    def directory(self) -> Path:
        """Return the directory of the package's manifest."""
        return self.manifest_path.parent


class NodeDependency(CargoModel):
    """An edge of the resolution: the name in the source code and the package that it means."""

    name: str
    pkg: str


class Node(CargoModel):
    """A package of the resolution with what it depends on."""

    id: str
    deps: tuple[NodeDependency, ...] = ()


class Resolve(CargoModel):
    """The resolved graph of packages."""

    nodes: tuple[Node, ...]
    root: str | None = None


class Metadata(CargoModel):
    """The answer of ``cargo metadata``."""

    packages: tuple[Package, ...]
    workspace_members: tuple[str, ...]
    workspace_default_members: tuple[str, ...] = ()
    workspace_root: Path
    target_directory: Path
    resolve: Resolve | None = None

    def by_id(self) -> dict[str, Package]:
        """Return the packages by Cargo's package id."""
        return {package.id: package for package in self.packages}

    def with_packages(self, packages: Iterable[Package]) -> Metadata:
        """Return the metadata with those of *packages* that they lack."""
        there = {package.id for package in self.packages}
        more = (package for package in packages if package.id not in there)
        return self.model_copy(update={"packages": (*self.packages, *more)})


class Profile(CargoModel):
    """How a unit is compiled, as far as it matters to us."""

    name: str
    opt_level: str
    lto: str = "false"


class UnitDependency(CargoModel):
    """An edge of the unit graph."""

    index: int
    extern_crate_name: str


class Unit(CargoModel):
    """One compiler run, or one run of a build script."""

    pkg_id: str
    target: CargoTarget
    profile: Profile
    platform: str | None
    """Target triple; None for what runs on the build host."""
    mode: str
    features: tuple[str, ...]
    dependencies: tuple[UnitDependency, ...] = ()

    @property
    def runs_script(self) -> bool:
        """Return whether this unit runs a build script (another one compiles it)."""
        return self.mode == "run-custom-build"


class UnitGraph(CargoModel):
    """The answer of ``cargo build --unit-graph``."""

    version: Literal[1]
    units: tuple[Unit, ...]
    roots: tuple[int, ...]


class Artifact(CargoModel):
    """``compiler-artifact``: something was compiled, or was found fresh."""

    package_id: str
    target: CargoTarget
    filenames: tuple[Path, ...]
    executable: Path | None = None
    fresh: bool


class ScriptExecuted(CargoModel):
    """``build-script-executed``: what a build script told Cargo."""

    package_id: str
    out_dir: Path
    env: tuple[tuple[str, str], ...] = ()
    cfgs: tuple[str, ...] = ()
    linked_libs: tuple[str, ...] = ()
    linked_paths: tuple[str, ...] = ()


CargoMessage = Artifact | ScriptExecuted
