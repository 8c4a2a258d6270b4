"""What Cargo is told to build, and with which features, in the two phases.

Selecting a package with ``-p`` switches its default features on, and ``--features NAME`` reaches every selected
package that has a feature of that name. Both would change what is built as soon as a second package is selected, so
every feature is then given with its package's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pipeline.lifting.restore import Remedy
from pipeline.model.analysis import Analysis, LiftedPackage, PackageKey, Product, Selection
from pipeline.model.cargo import Goal


def untouched_goal(products: tuple[Product, ...], selection: Selection, *, per_package_features: bool) -> Goal:
    """Return the goal of the products, the one that the features of *selection* are for first."""
    return _goal(products, selection, {}, per_package_features)


def product_goal(analysis: Analysis, remedy: Remedy) -> Goal:
    """Return the goal of the product and its companions."""
    members = _members(analysis, remedy)
    return _goal(analysis.products, analysis.selection, members, analysis.per_package_features)


def generator_goal(analysis: Analysis, remedy: Remedy, package: LiftedPackage, binary: str) -> Goal:
    """Return the goal of a generator.

    The products are always selected as well: their features are part of what the crates that both need are compiled
    with. *package* itself gets exactly the features that its build script has in the untouched build; outside of
    the workspace it cannot be given any, and gets them from those who depend on it.
    """
    others = dict(_members(analysis, remedy))
    if not analysis.is_product(package.key):
        member = any(item.member and item.key == package.key for item in analysis.path_packages)
        own = package.features if member else frozenset[str]()
        others[package.key] = own | others.get(package.key, frozenset())
    goal = _goal(analysis.products, analysis.selection, others, analysis.per_package_features)
    return dataclasses.replace(goal, bins=(binary,))


def _members(analysis: Analysis, remedy: Remedy) -> Mapping[PackageKey, frozenset[str]]:
    keys = {item.key.name: item.key for item in analysis.path_packages if item.member}
    return {keys[name]: frozenset(features) for name, features in remedy.members.items()}


def _goal(
    products: tuple[Product, ...],
    chosen: Selection,
    others: Mapping[PackageKey, frozenset[str]],
    per_package_features: bool,
) -> Goal:
    """Return the goal that selects the products, the first one with its features, and *others* with theirs."""
    explicit = bool(others or products[1:]) and per_package_features
    own = list(chosen.features)
    if explicit:
        own = [name if "/" in name else f"{products[0].key.name}?/{name}" for name in own]
        with_default = [item.key.name for item in products if item.has_default_feature and chosen.default_features]
        own += [f"{name}?/default" for name in with_default]
    # PACKAGE/FEATURE would also switch an optional dependency of that name on, in every selected package that has
    # one; the question mark leaves it as it is.
    theirs = (f"{key.name}?/{name}" for key, features in others.items() for name in sorted(features))
    keys = dict.fromkeys((*(item.key for item in products), *others))
    return Goal(
        packages=tuple(key.spec for key in keys),
        bins=tuple(name for item in products for name in item.binaries),
        features=(*own, *theirs),
        default_features=chosen.default_features and not explicit,
    )
