"""What Cargo is asked to build: which packages, and which features of exactly these."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.lifting.goals import generator_goal, product_goal, untouched_goal
from pipeline.lifting.restore import Remedy
from pipeline.model.analysis import (
    Analysis,
    LiftedPackage,
    Origin,
    PackageKey,
    PathPackage,
    Product,
    Selection,
)
from pipeline.model.cargo import Goal

REGISTRY = "registry+https://registry.invalid"
CHOSEN = Selection(target_triple="aarch64-unknown-linux-gnu", features=("fast", "helper/more"))


def key(name: str, source: str = "") -> PackageKey:
    return PackageKey(name=name, version="1.0.0", source=source)


def product(name: str, *, has_default_feature: bool = True) -> Product:
    return Product(
        key=key(name),
        manifest_path=Path("/s") / name / "Cargo.toml",
        binaries=(name,),
        has_default_feature=has_default_feature,
    )


def lifted(name: str, *features: str, source: str = "") -> LiftedPackage:
    return LiftedPackage(
        key=key(name, source), origin=Origin.REGISTRY if source else Origin.MEMBER,
        manifest_path=Path("/s") / name / "Cargo.toml", script_path=Path("/s") / name / "build.rs",
        features=frozenset(features), in_product=True, requires=(), closure=(),
    )  # fmt: skip


def analysis(*companions: Product, per_package_features: bool = True) -> Analysis:
    members = tuple(
        PathPackage(key=key(name), manifest_path=Path("/s") / name / "Cargo.toml", member=name != "beside")
        for name in ("app", "snap", "helper", "beside")
    )
    return Analysis(
        workspace_root=Path("/s"), call_dir=Path("/s"), product=product("app"), companions=companions,
        selection=CHOSEN, vm_crate="v8", vm=(), raise_vm_opt_level=False, lifted=(), packages=frozenset(),
        lock_path=Path("/s/Cargo.lock"), lock_sha256="0", path_packages=members, published=(), target_features=(),
        host_features=(), per_package_features=per_package_features, host_triple="x86_64-unknown-linux-gnu", git=None,
        target_directory=Path("/s/target"),
    )  # fmt: skip


def test_one_product_is_asked_for_as_people_do() -> None:
    goal = untouched_goal((product("app"),), CHOSEN, per_package_features=True)
    assert goal == Goal(packages=("app@1.0.0",), bins=("app",), features=("fast", "helper/more"))
    assert product_goal(analysis(), Remedy()) == goal
    without = dataclasses.replace(CHOSEN, default_features=False)
    assert untouched_goal((product("app"),), without, per_package_features=True) == dataclasses.replace(
        goal, default_features=False
    )


def test_with_a_second_product_each_feature_has_its_package() -> None:
    products = (product("app"), product("tool", has_default_feature=False), product("more"))
    assert untouched_goal(products, CHOSEN, per_package_features=True) == Goal(
        packages=("app@1.0.0", "tool@1.0.0", "more@1.0.0"),
        bins=("app", "tool", "more"),
        features=("app?/fast", "helper/more", "app?/default", "more?/default"),
        default_features=False,
    )
    assert untouched_goal(products, CHOSEN, per_package_features=False).features == CHOSEN.features
    without = dataclasses.replace(CHOSEN, default_features=False)
    assert untouched_goal(products, without, per_package_features=True).features == ("app?/fast", "helper/more")


def test_members_that_lost_features_get_them_back() -> None:
    remedy = Remedy(members={"helper": ("z", "a")})
    assert product_goal(analysis(), remedy) == Goal(
        packages=("app@1.0.0", "helper@1.0.0"),
        bins=("app",),
        features=("app?/fast", "helper/more", "app?/default", "helper?/a", "helper?/z"),
        default_features=False,
    )


@pytest.mark.parametrize(
    ("package", "theirs"),
    [
        (lifted("snap", "b", "a"), ("helper?/x", "snap?/a", "snap?/b")),
        # What is no member cannot be given features; those who depend on it give it some.
        (lifted("beside", "b"), ("helper?/x",)),
        (lifted("snap", "b", source=REGISTRY), ("helper?/x",)),
        # What was lost comes on top of what the script had.
        (lifted("helper", "b"), ("helper?/b", "helper?/x")),
    ],
    ids=["member", "beside the workspace", "registry", "member that lost some"],
)
def test_a_generator_is_built_beside_the_product(package: LiftedPackage, theirs: tuple[str, ...]) -> None:
    goal = generator_goal(analysis(), Remedy(members={"helper": ("x",)}), package, "generator-of-it")
    assert goal.bins == ("generator-of-it",)
    assert set(goal.packages) == {"app@1.0.0", "helper@1.0.0", package.key.spec}
    assert len(goal.packages) == len(set(goal.packages))
    assert goal.features == ("app?/fast", "helper/more", "app?/default", *theirs)
    assert goal.default_features is False


def test_a_product_that_is_its_own_generator_is_selected_once() -> None:
    goal = generator_goal(analysis(), Remedy(), lifted("app", "b"), "generator")
    assert goal == Goal(packages=("app@1.0.0",), bins=("generator",), features=CHOSEN.features)
