"""Comparing features, and what is done about those that are lost."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lifting.features import FeatureChange, compare, compare_lift, lost_features_error
from pipeline.lifting.graph import linked_libraries
from pipeline.lifting.manifest import FeatureRestoration
from pipeline.lifting.restore import Editable, Remedy, find_remedy
from pipeline.model.analysis import CrateFeatures, PackageKey
from pipeline.model.cargo import Dependency, Metadata, Node, NodeDependency, Package, Resolve
from tests.unit.lifting.graphs import Sketch


def key(name: str, version: str = "1.0.0") -> PackageKey:
    return PackageKey(name=name, version=version)


def crate(name: str, *features: str) -> CrateFeatures:
    return CrateFeatures(package=key(name), features=frozenset(features))


def change(name: str, *features: str) -> FeatureChange:
    return FeatureChange(package=key(name), features=features)


def test_lost_and_gained() -> None:
    comparison = compare([crate("a", "x", "y"), crate("b"), crate("gone", "z")], [crate("a", "x", "w"), crate("b")])
    assert comparison.lost == (change("a", "y"),)
    assert comparison.gained == (change("a", "w"),)


def test_what_only_a_condition_takes_away_is_not_lost() -> None:
    before = [crate("a", "sse", "std")]
    comparison = compare_lift(before, [crate("a")], [crate("a", "sse")])
    assert comparison.lost == (change("a", "std"),)
    assert comparison.conditional == (change("a", "sse"),)


features = st.frozensets(st.sampled_from("abcd"))


@given(features, features, features)
def test_every_missing_feature_is_lost_or_conditional(
    before: frozenset[str], after: frozenset[str], on_host: frozenset[str]
) -> None:
    comparison = compare_lift([crate("c", *before)], [crate("c", *after)], [crate("c", *on_host)])
    lost = {name for item in comparison.lost for name in item.features}
    conditional = {name for item in comparison.conditional for name in item.features}
    assert lost | conditional == before - after
    assert not lost & conditional
    assert lost == (before - after) - on_host


def test_accepted_features_are_left_out() -> None:
    assert change("a", "x", "y").without(frozenset({"a/x", "b/y"})) == change("a", "y")


def test_the_error_names_every_crate_and_feature() -> None:
    error = lost_features_error(key("snap"), [change("a", "x", "y"), change("b", "z")], cause="C", remedy="R")
    assert str(error) == (
        "error: crates of snap v1.0.0 would be compiled without features that they have in an untouched build:\n"
        "  a v1.0.0 [x, y]\n"
        "  b v1.0.0 [z]\n"
        "  usual cause: C\n"
        "  what to do:  R (crates: a, b)"
    )


def test_linked_libraries_stop_at_what_stays_on_the_host() -> None:
    sketch = Sketch()
    syn = sketch.add("syn", host=True, features=("full",))
    macro = sketch.add("macro", syn, kind="proc-macro", host=True)
    build_helper = sketch.add("cc", host=True)
    deep = sketch.add("deep", sketch.script("deep", build_helper, host=True), host=True, features=("d",))
    library = sketch.add("library", deep, macro, host=True)
    script = sketch.add("snap", library, kind="custom-build", host=True)
    assert linked_libraries(sketch.graph(script), script) == (crate("deep", "d"), crate("library"))


def package(name: str, *dependencies: Dependency) -> Package:
    return Package(
        id=name,
        name=name,
        version="1.0.0",
        source=None,
        manifest_path=Path("/s") / name / "Cargo.toml",
        targets=(),
        dependencies=dependencies,
    )


def metadata(*packages: Package, members: tuple[str, ...] = ()) -> Metadata:
    nodes = tuple(
        Node(
            id=item.id,
            deps=tuple(NodeDependency(name=entry.key.replace("-", "_"), pkg=entry.name) for entry in item.dependencies),
        )
        for item in packages
    )
    return Metadata(
        packages=packages,
        workspace_members=members,
        workspace_root=Path("/s"),
        target_directory=Path("/s/target"),
        resolve=Resolve(nodes=nodes),
    )


SNAP = Editable(packages=(key("snap"),))


def test_a_direct_dependency_is_asked_in_its_entry() -> None:
    snap = package(
        "snap", Dependency(name="a", rename="the-a"), Dependency(name="a", rename="never", target="cfg(any())")
    )
    remedy = find_remedy([change("a", "x")], SNAP, metadata(snap, package("a")), per_package=False)
    assert remedy.manifests == {key("snap"): (FeatureRestoration(dependency="the-a", features=("x",)),)}
    assert remedy.members == {}


def test_a_member_is_asked_on_the_command_line() -> None:
    workspace = metadata(package("snap"), package("a"), members=("a",))
    assert find_remedy([change("a", "x")], SNAP, workspace, per_package=True).members == {"a": ("x",)}
    assert find_remedy([change("a", "x")], SNAP, workspace, per_package=False).is_empty


def test_each_change_gets_its_own_remedy() -> None:
    """A member, then a crate of others, then a direct dependency: none of them ends the search for the next one."""
    snap = package("snap", Dependency(name="b"))
    workspace = metadata(snap, package("a"), package("other"), package("b"), members=("a",))
    lost = [change("a", "x"), change("other", "y"), change("b", "z")]
    assert find_remedy(lost, SNAP, workspace, per_package=True) == Remedy(
        manifests={key("snap"): (FeatureRestoration(dependency="b", features=("z",)),)}, members={"a": ("x",)}
    )


def test_the_entry_that_is_in_force_is_asked() -> None:
    """Not one of another kind, not one that Cargo does not resolve, and of two the one whose name is resolved."""
    entries = (
        Dependency(name="a", rename="for-tests", kind="dev"),
        Dependency(name="a", rename="elsewhere", target="cfg(windows)"),
        Dependency(name="a", rename="the-a"),
    )
    snap = package("snap", *entries)
    workspace = metadata(snap, package("a"))
    assert workspace.resolve is not None
    (node,) = (node for node in workspace.resolve.nodes if node.id == "snap")

    def remedy(*names: str) -> Remedy:
        deps = tuple(NodeDependency(name=name, pkg="a") for name in names)
        resolve = Resolve(nodes=(node.model_copy(update={"deps": deps}),))
        return find_remedy(
            [change("a", "x")], SNAP, workspace.model_copy(update={"resolve": resolve}), per_package=False
        )

    def asked(entry: str) -> Remedy:
        return Remedy(manifests={key("snap"): (FeatureRestoration(dependency=entry, features=("x",)),)})

    assert remedy("the_a") == asked("the-a")
    assert remedy("elsewhere", "the_a") == asked("elsewhere")
    assert remedy("a") == asked("elsewhere")
    assert remedy() == Remedy()
    unresolved = workspace.model_copy(update={"resolve": None})
    assert find_remedy([change("a", "x")], SNAP, unresolved, per_package=False) == Remedy()
    only_dev = metadata(package("snap", entries[0]), package("a"))
    assert find_remedy([change("a", "x")], SNAP, only_dev, per_package=False) == Remedy()


def test_there_is_no_remedy_for_a_crate_of_others() -> None:
    workspace = metadata(package("snap"), package("a"))
    assert find_remedy([change("a", "x")], SNAP, workspace, per_package=True) == Remedy()


def test_a_package_from_elsewhere_gets_one_more_dependency() -> None:
    crate = PackageKey(name="a", version="1.0.0", source="registry+https://registry.invalid")
    lost = FeatureChange(package=crate, features=("x",))
    workspace = metadata(package("snap"), package("a").model_copy(update={"source": crate.source}))
    elsewhere = dataclasses.replace(SNAP, extendable=frozenset(SNAP.packages))
    assert find_remedy([lost], SNAP, workspace, per_package=True) == Remedy()
    assert find_remedy([lost], elsewhere, workspace, per_package=True).manifests == {
        key("snap"): (FeatureRestoration(dependency="restored-a-1-0-0", features=("x",), added=crate),)
    }


def test_remedies_add_up() -> None:
    one = Remedy(members={"a": ("x",)})
    two = Remedy(
        manifests={key("p"): (FeatureRestoration(dependency="d", features=("f",)),)}, members={"a": ("w",), "b": ("y",)}
    )
    assert one.merged(two) == Remedy(manifests=two.manifests, members={"a": ("w", "x"), "b": ("y",)})
