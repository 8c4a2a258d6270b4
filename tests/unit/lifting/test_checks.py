"""What must hold for a lifted workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import LiftError, LockChangedError
from pipeline.lifting import checks
from pipeline.model.analysis import LiftedPackage, Origin, PackageKey
from pipeline.model.cargo import Metadata, Package
from tests.unit.lifting.graphs import Sketch

REGISTRY = "registry+https://registry.invalid/index"


def lifted(name: str, *, source: str = "", origin: Origin = Origin.MEMBER, features: str = "") -> LiftedPackage:
    return LiftedPackage(
        key=PackageKey(name=name, version="1.0.0", source=source),
        origin=origin,
        manifest_path=Path("/s") / name / "Cargo.toml",
        script_path=Path("/s") / name / "build.rs",
        features=frozenset(features.split()),
        in_product=True,
        requires=(),
        closure=(),
    )


def metadata(*packages: tuple[str, str | None]) -> Metadata:
    return Metadata(
        packages=tuple(
            Package(
                id=name,
                name=name,
                version="1.0.0",
                source=source,
                manifest_path=Path("/s") / name / "Cargo.toml",
                targets=(),
            )
            for name, source in packages
        ),
        workspace_members=(),
        workspace_root=Path("/s"),
        target_directory=Path("/s/target"),
    )


def test_a_package_that_cannot_be_overridden_by_its_name() -> None:
    snap = lifted("snap", source=REGISTRY, origin=Origin.REGISTRY)
    other = PackageKey(name="snap", version="0.9.0", source=REGISTRY)
    checks.overridable([snap, lifted("a")], [snap.key, PackageKey(name="a", version="0.1.0")])
    with pytest.raises(LiftError) as caught:
        checks.overridable([snap], [snap.key, other])
    assert str(caught.value) == (
        "error: the build script of snap v1.0.0 makes a snapshot, and Cargo.lock has other packages of that name:"
        f" v0.9.0 ({REGISTRY})\n"
        "  usual cause: Cargo can put a copy in the place of a package by its name only, whatever the version\n"
        "  what to do:  put a copy of snap v1.0.0 into the workspace and [patch] it in, or use one version only"
    )


def test_every_package_that_is_in_the_way_is_named() -> None:
    snap = lifted("snap", source=REGISTRY, origin=Origin.REGISTRY)
    others = [PackageKey(name="snap", version="2.0.0"), PackageKey(name="snap", version="0.9.0", source=REGISTRY)]
    with pytest.raises(LiftError) as caught:
        checks.overridable([snap], [*others, snap.key])
    assert caught.value.what.endswith(f"of that name: v0.9.0 ({REGISTRY}), v2.0.0 (local)")


def test_packages_that_the_lock_does_not_name() -> None:
    allowed = frozenset({PackageKey(name="a", version="1.0.0"), PackageKey(name="b", version="1.0.0", source=REGISTRY)})
    checks.locked(metadata(("a", None), ("b", REGISTRY)), allowed)
    with pytest.raises(LockChangedError) as caught:
        checks.locked(metadata(("a", None), ("b", None)), allowed)
    assert str(caught.value) == (
        "error: the lifted workspace would use packages that Cargo.lock does not name: b v1.0.0 (local)\n"
        "  usual cause: a path override or a configuration file of Cargo replaces packages\n"
        "  what to do:  take the override out, or update Cargo.lock with it in force"
    )


def test_a_lifted_package_that_comes_from_elsewhere() -> None:
    checks.taken_from(lifted("a"), metadata(("a", None)), Path("/s/a/Cargo.toml"))
    with pytest.raises(LiftError) as caught:
        checks.taken_from(lifted("a"), metadata(("a", None)), Path("/tree/a/Cargo.toml"))
    assert str(caught.value) == (
        "error: a v1.0.0 would be taken from /s/a/Cargo.toml instead of the overlay\n"
        "  usual cause: a configuration file of Cargo puts another directory in its place ([patch] or paths)\n"
        "  what to do:  take that out of the configuration, or make the package a member of the workspace"
    )
    with pytest.raises(LiftError) as caught:
        checks.taken_from(lifted("a"), metadata(("b", None)), Path("/tree/a/Cargo.toml"))
    assert caught.value.what == "a v1.0.0 would be taken from nowhere instead of the overlay"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('a = { path = "/abs/a" }', True),
        ("[dependencies.a]\npath='/abs/a'", True),
        ('a = { path = "../a" }', False),
        ('[lib]\nmypath = "/abs"', False),
    ],
)
def test_absolute_paths(text: str, refused: bool) -> None:
    manifests = {Path("/s/Cargo.toml"): text}
    if not refused:
        checks.paths_relative(manifests)
        return
    with pytest.raises(LiftError) as caught:
        checks.paths_relative(manifests)
    assert str(caught.value) == (
        "error: /s/Cargo.toml names a package by an absolute path: /abs/a\n"
        "  usual cause: the build works on a copy of the workspace, and an absolute path leads back to the original\n"
        "  what to do:  write the path relative to the manifest"
    )


def test_a_vm_that_is_left_for_the_host() -> None:
    sketch = Sketch()
    on_target = sketch.add("v8")
    checks.no_vm_on_host(sketch.graph(on_target), "v8")
    sketch.add("v8", host=True)
    with pytest.raises(LiftError) as caught:
        checks.no_vm_on_host(sketch.graph(on_target), "v8")
    assert str(caught.value) == (
        "error: v8 v1.0.0 would still be compiled for the build host\n"
        "  usual cause: something that is not a build script of the product asks for it there\n"
        "  what to do:  please report the shape of the workspace: this should have been found before"
    )


def test_scripts_with_other_features_than_their_generators() -> None:
    sketch = Sketch()
    sketch.script("snap", features=("a",))
    sketch.script("other", features=("z",))
    checks.scripts_as_analysed(sketch.graph(), [lifted("snap", features="a")])
    with pytest.raises(LiftError) as caught:
        checks.scripts_as_analysed(sketch.graph(), [lifted("snap", features="c b a")])
    assert str(caught.value) == (
        "error: the build script of snap v1.0.0 is needed with two sets of features (one with and one without b, c)\n"
        "  usual cause: the product and another build script ask for different features of the package\n"
        "  what to do:  ask for the same features of snap everywhere"
    )
