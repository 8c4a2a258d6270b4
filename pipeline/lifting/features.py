"""Whether crates are compiled with the same features after a lift as before.

Cargo unifies the features of a crate over all that is built for the host, and apart from that over all that is
built for the target (Cargo Book, "Features", resolver version 2). A lifted build script moves from the one side to
the other, so its libraries may lose features that someone else on the host asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pipeline.errors import LiftError
from pipeline.lifting.graph import as_mapping
from pipeline.model.analysis import CrateFeatures, PackageKey


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureChange:
    """Features of one crate that only one of two builds has."""

    package: PackageKey
    features: tuple[str, ...]

    def __str__(self) -> str:
        """Return the change in words."""
        return f"{self.package} [{', '.join(self.features)}]"

    def without(self, accepted: frozenset[str]) -> FeatureChange:
        """Return the change without those features that *accepted* names as ``CRATE/FEATURE``."""
        left = (name for name in self.features if f"{self.package.name}/{name}" not in accepted)
        return FeatureChange(package=self.package, features=tuple(left))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between a build script's libraries before and after its lift."""

    lost: tuple[FeatureChange, ...]
    gained: tuple[FeatureChange, ...]
    conditional: tuple[FeatureChange, ...] = ()
    """Features that the host had and the target does not ask for, because of a ``cfg``."""


def compare(before: Iterable[CrateFeatures], after: Iterable[CrateFeatures]) -> Comparison:
    """Return what *after* has less and more than *before*, for the crates that both have."""
    old, new = as_mapping(before), as_mapping(after)
    common = sorted(old.keys() & new.keys())
    return Comparison(
        lost=_changes((key, old[key] - new[key]) for key in common),
        gained=_changes((key, new[key] - old[key]) for key in common),
    )


def compare_lift(
    before: Iterable[CrateFeatures],
    after: Iterable[CrateFeatures],
    after_on_host: Iterable[CrateFeatures],
) -> Comparison:
    """Compare a script's libraries for the host with those of its generator for the target.

    *after_on_host* is the generator's graph with the host as its target: what is there and not in *after* depends
    on a ``cfg`` of the target, and is right to be missing.
    """
    old = tuple(before)
    real = compare(old, after)
    unified = {change.package: set(change.features) for change in compare(old, after_on_host).lost}
    lost = [(change.package, set(change.features)) for change in real.lost]
    return Comparison(
        lost=_changes((key, names & unified.get(key, set())) for key, names in lost),
        gained=real.gained,
        conditional=_changes((key, names - unified.get(key, set())) for key, names in lost),
    )


def lost_features_error(package: PackageKey, lost: Iterable[FeatureChange], *, cause: str, remedy: str) -> LiftError:
    """Return the error for features that cannot be restored."""
    changes = tuple(lost)
    listed = "\n".join(f"  {change}" for change in changes)
    crates = ", ".join(sorted({change.package.name for change in changes}))
    return LiftError(
        f"crates of {package} would be compiled without features that they have in an untouched build:\n{listed}",
        cause=cause,
        action=f"{remedy} (crates: {crates})",
    )


def _changes(items: Iterable[tuple[PackageKey, Iterable[str]]]) -> tuple[FeatureChange, ...]:
    return tuple(FeatureChange(package=key, features=tuple(sorted(names))) for key, names in items if tuple(names))
