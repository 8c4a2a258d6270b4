"""A lifted workspace: which forms its packages have, and which of them the overlay is in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline import fs
from pipeline.errors import LockChangedError
from pipeline.lifting.features import Comparison
from pipeline.lifting.restore import Remedy
from pipeline.model.analysis import Analysis, LiftedPackage, PackageKey
from pipeline.model.cargo import Goal
from pipeline.overlay.overrides import Copies
from pipeline.overlay.tree import Overlay, Synced
from pipeline.rust.cargo import CargoCall


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorBuild:
    """How to build the generator of one lifted package, once the overlay is in its form."""

    package: LiftedPackage
    goal: Goal
    binary: str
    expected_path: Path
    """Where Cargo will put the program; `cargo.BuildOutcome.executable` tells where it did."""
    trigger: Path
    """Gets a new time whenever a file of the package changes."""
    manifest: str
    comparison: Comparison
    remedy: Remedy
    """What was done about features that would have been lost."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lift:
    """A lifted workspace: what is to be built, in which order, in which form of the overlay."""

    analysis: Analysis
    copies: Copies
    call: CargoCall
    """The same for all builds."""
    generators: tuple[GeneratorBuild, ...]
    """In order: an inner snapshot before the one that is made on top of it."""
    product: Goal
    product_manifests: Mapping[PackageKey, str]
    product_remedy: Remedy
    dropped_host_features: Comparison
    """What crates that stay on the host lose, because the lifted scripts ask for nothing there any more."""
    vm_package_ids: frozenset[str]
    """Cargo's ids of the VM crate in the overlay."""
    lifted_ids: Mapping[str, PackageKey]
    """Cargo's ids of the lifted packages in the overlay."""
    synced: Synced

    @property
    def overlay(self) -> Overlay:
        """Return the copy of the workspace."""
        return self.copies.workspace


def enter_generator_form(lift: Lift, generator: GeneratorBuild) -> None:
    """Put one package of the overlay in generator form and all others in product form."""
    forms = {**lift.product_manifests, generator.package.key: generator.manifest}
    lift.copies.write_all(lift.analysis.lifted, forms)


def enter_product_form(lift: Lift) -> None:
    """Put every package of the overlay in product form."""
    lift.copies.write_all(lift.analysis.lifted, lift.product_manifests)


def check_lock(lift: Lift) -> None:
    """Make sure that ``Cargo.lock`` is, byte for byte, what was analysed: in the sources and in the overlay.

    Raises LockChangedError.
    """
    for path in (lift.analysis.lock_path, lift.overlay.layout.locate(lift.analysis.lock_path)):
        if not path.is_file() or fs.sha256_file(path) != lift.analysis.lock_sha256:
            raise LockChangedError(
                f"{path} changed during the build",
                cause="something in the build, or someone beside it, ran Cargo without --locked",
                action="look at the change with `git diff`, and run the same command again",
            )
