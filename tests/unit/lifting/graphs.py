"""Unit graphs in a few words, for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.lifting.graph import Graph
from pipeline.model.cargo import (
    CargoTarget,
    Metadata,
    Package,
    Profile,
    Resolve,
    Unit,
    UnitDependency,
    UnitGraph,
)

TARGET = "aarch64-unknown-linux-gnu"


@dataclasses.dataclass
class Sketch:
    """A unit graph under construction."""

    units: list[Unit] = dataclasses.field(default_factory=list)
    names: set[str] = dataclasses.field(default_factory=set)

    def add(
        self,
        package: str,
        *uses: int,
        kind: str = "lib",
        host: bool = False,
        runs: bool = False,
        features: tuple[str, ...] = (),
    ) -> int:
        """Add a unit and return its index."""
        self.names.add(package)
        self.units.append(
            Unit(
                pkg_id=package,
                target=CargoTarget(name=package, kind=(kind,), src_path=f"/src/{package}"),
                profile=Profile(name="release", opt_level="3"),
                platform=None if host else TARGET,
                mode="run-custom-build" if runs else "build",
                features=features,
                dependencies=tuple(UnitDependency(index=use, extern_crate_name="x") for use in uses),
            )
        )
        return len(self.units) - 1

    def script(self, package: str, *uses: int, host: bool = False, features: tuple[str, ...] = ()) -> int:
        """Add a build script, compiled for the host from *uses* and run, and return the run's index."""
        compiled = self.add(package, *uses, kind="custom-build", host=True, features=features)
        return self.add(package, compiled, kind="custom-build", host=host, runs=True, features=features)

    def graph(self, *roots: int) -> Graph:
        """Return the finished graph."""
        packages = tuple(
            Package(
                id=name,
                name=name.split(" ")[0],
                version="1.0.0" if " " not in name else name.split(" ")[1],
                source=None,
                manifest_path=Path("/src") / name / "Cargo.toml",
                targets=(),
            )
            for name in sorted(self.names)
        )
        metadata = Metadata(
            packages=packages,
            workspace_members=(),
            workspace_root=Path("/src"),
            target_directory=Path("/src/target"),
            resolve=Resolve(nodes=()),
        )
        return Graph(UnitGraph(version=1, units=tuple(self.units), roots=roots), metadata)
