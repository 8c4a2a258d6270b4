"""What Cargo is told to build, and with which features, in the two phases.

Selecting a package with ``-p`` switches its default features on, and ``--features NAME`` reaches every selected
package that has a feature of that name. Both would change what is built as soon as a second package is selected, so
every feature is then given with its package's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from pipeline.lifting.restore import Remedy
from pipeline.model.analysis import Analysis, LiftedPackage, PackageKey
from pipeline.model.cargo import Goal


def product_goal(analysis: Analysis, remedy: Remedy) -> Goal:
    """Return the goal of the product."""
    return _goal(analysis, _members(analysis, remedy))


def generator_goal(analysis: Analysis, remedy: Remedy, package: LiftedPackage, binary: str) -> Goal:
    """Return the goal of a generator.

    The product is always selected as well: its features are part of what the crates that both need are compiled
    with. *package* itself gets exactly the features that its build script has in the untouched build; outside of
    the workspace it cannot be given any, and gets them from those who depend on it.
    """
    others = dict(_members(analysis, remedy))
    if package.key != analysis.product.key:
        member = any(item.member and item.key == package.key for item in analysis.path_packages)
        own = package.features if member else frozenset[str]()
        others[package.key] = own | others.get(package.key, frozenset())
    return dataclasses.replace(_goal(analysis, others), bins=(binary,))


def _members(analysis: Analysis, remedy: Remedy) -> Mapping[PackageKey, frozenset[str]]:
    keys = {item.key.name: item.key for item in analysis.path_packages if item.member}
    return {keys[name]: frozenset(features) for name, features in remedy.members.items()}


def _goal(analysis: Analysis, others: Mapping[PackageKey, frozenset[str]]) -> Goal:
    """Return the goal that selects the product, with its features, and *others* with theirs."""
    product, chosen = analysis.product, analysis.selection
    explicit = bool(others) and analysis.per_package_features
    own: Iterable[str] = chosen.features
    if explicit:
        default = ("default",) if chosen.default_features and product.has_default_feature else ()
        own = (name if "/" in name else f"{product.key.name}?/{name}" for name in (*chosen.features, *default))
    # PACKAGE/FEATURE would also switch an optional dependency of that name on, in every selected package that has
    # one; the question mark leaves it as it is.
    theirs = (f"{key.name}?/{name}" for key, features in others.items() for name in sorted(features))
    return Goal(
        packages=(product.key.spec, *(key.spec for key in others)),
        bins=product.binaries,
        features=(*own, *theirs),
        default_features=chosen.default_features and not explicit,
    )
