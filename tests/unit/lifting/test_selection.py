"""Which build scripts are selected, on graphs of a few units."""

from __future__ import annotations

import pytest

from pipeline.errors import LiftError, NothingToLiftError
from pipeline.lifting.selection import near_misses, select, vm_versions
from pipeline.model.analysis import PackageKey
from tests.unit.lifting.graphs import Sketch


def key(name: str, version: str = "1.0.0") -> PackageKey:
    return PackageKey(name=name, version=version)


def test_a_script_that_links_the_vm_is_selected_and_others_are_not() -> None:
    sketch = Sketch()
    vm_script = sketch.script("v8", host=True)
    vm = sketch.add("v8", vm_script, host=True)
    facade = sketch.add("facade", vm, host=True)
    snap = sketch.add("snap", sketch.script("snap", facade))
    helper = sketch.add("helper", host=True)
    other = sketch.add("other", sketch.script("other", helper))
    app = sketch.add("app", snap, other, sketch.add("v8", sketch.script("v8")), kind="bin")
    selected = select(sketch.graph(app), "v8")
    assert [(item.key, item.in_product, item.requires) for item in selected] == [(key("snap"), True, ())]


def test_an_inner_snapshot_comes_first() -> None:
    sketch = Sketch()
    vm = sketch.add("v8", host=True)
    inner_host = sketch.add("z-inner", sketch.script("z-inner", vm, host=True), host=True)
    outer = sketch.add("a-outer", sketch.script("a-outer", inner_host, vm))
    app = sketch.add("app", outer, kind="bin")
    selected = select(sketch.graph(app), "v8")
    assert [(item.key.name, item.in_product, item.requires) for item in selected] == [
        ("z-inner", False, ()),
        ("a-outer", True, (key("z-inner"),)),
    ]


def test_the_products_run_is_preferred_to_one_for_the_host() -> None:
    sketch = Sketch()
    vm = sketch.add("v8", host=True)
    inner_host = sketch.add("inner", sketch.script("inner", vm, host=True, features=("h",)), host=True)
    inner_run = sketch.script("inner", vm, features=("t",))
    outer = sketch.add("outer", sketch.script("outer", inner_host))
    app = sketch.add("app", sketch.add("inner", inner_run), outer, kind="bin")
    selected = select(sketch.graph(app), "v8")
    assert (selected[0].key.name, selected[0].runner, selected[0].in_product) == ("inner", inner_run, True)
    assert [item.key.name for item in selected] == ["inner", "outer"]


def test_two_versions_are_two_packages() -> None:
    sketch = Sketch()
    vm, old_vm = sketch.add("v8", host=True), sketch.add("v8 0.9.0", host=True)
    snap = sketch.add("snap", sketch.script("snap", vm))
    old = sketch.add("snap 0.9.0", sketch.script("snap 0.9.0", old_vm))
    graph = sketch.graph(sketch.add("app", snap, old, kind="bin"))
    assert [item.key for item in select(graph, "v8")] == [key("snap", "0.9.0"), key("snap")]
    assert vm_versions(graph, "v8") == (key("v8", "0.9.0"), key("v8"))


def test_each_of_two_products_needs_its_own_scripts() -> None:
    sketch = Sketch()
    vm = sketch.add("v8", host=True)
    one = sketch.add("one-snap", sketch.script("one-snap", vm))
    both = sketch.add("shared-snap", sketch.script("shared-snap", vm))
    inner_host = sketch.add("inner", sketch.script("inner", vm, host=True), host=True)
    outer = sketch.add("outer", sketch.script("outer", inner_host))
    first, second = sketch.add("first", one, both, kind="bin"), sketch.add("second", both, outer, kind="bin")
    selected = select(sketch.graph(first, second), "v8")
    assert {item.key.name: sorted(product.name for product in item.needed_by) for item in selected} == {
        "inner": [],
        "one-snap": ["first"],
        "outer": ["second"],
        "shared-snap": ["first", "second"],
    }


def test_of_equal_runs_the_first_is_preferred() -> None:
    sketch = Sketch()
    vm = sketch.add("v8", host=True)
    first, second = sketch.script("snap", vm, features=("a",)), sketch.script("snap", vm, features=("b",))
    app = sketch.add("app", sketch.add("snap", second), sketch.add("snap", first), kind="bin")
    assert [item.runner for item in select(sketch.graph(app), "v8")] == [first]


def test_a_procedural_macro_with_the_vm_in_it_is_refused() -> None:
    sketch = Sketch()
    macro = sketch.add("ops-macro", sketch.add("v8", host=True), kind="proc-macro", host=True)
    snap = sketch.add("snap", sketch.script("snap", macro))
    with pytest.raises(LiftError) as caught:
        select(sketch.graph(sketch.add("app", snap, kind="bin")), "v8")
    assert str(caught.value) == (
        "error: v8 is linked into a procedural macro: ops-macro v1.0.0\n"
        "  usual cause: procedural macros run inside the compiler, so the VM would have to be built for the host\n"
        "  what to do:  take v8 out of the dependencies of ops-macro v1.0.0"
    )


def test_a_vm_that_no_script_links() -> None:
    sketch = Sketch()
    app = sketch.add("app", sketch.add("v8"), sketch.script("app"), kind="bin")
    with pytest.raises(NothingToLiftError) as caught:
        select(sketch.graph(app), "v8")
    assert str(caught.value) == (
        "error: no build script of app makes a snapshot: v8 is compiled, but no build script is linked with it\n"
        "  usual cause: the snapshot is made elsewhere, behind a feature that is off, or not with v8\n"
        "  what to do:  switch the feature on with --features, or name the crate of the VM with --vm-crate"
    )


def test_a_vm_of_another_name() -> None:
    sketch = Sketch()
    app = sketch.add("app", sketch.add("rusty_v8"), sketch.add("serde"), kind="bin")
    with pytest.raises(NothingToLiftError) as caught:
        select(sketch.graph(app), "v8")
    assert str(caught.value) == (
        "error: no build script of app makes a snapshot: v8 is not among its 3 packages; did you mean rusty_v8?\n"
        "  usual cause: the VM's crate has another name here, or a feature that needs it is off\n"
        "  what to do:  name the crate of the VM with --vm-crate, or switch the feature on with --features"
    )


def test_names_that_may_have_been_meant() -> None:
    """Two products are both named, and so are all guesses; where there is none, nothing is guessed."""
    sketch = Sketch()
    roots = [sketch.add(name, sketch.add("rusty_v8"), sketch.add("deno_v8"), kind="bin") for name in ("app", "tool")]
    with pytest.raises(NothingToLiftError) as caught:
        select(sketch.graph(*roots), "v8")
    assert caught.value.what == (
        "no build script of app and tool makes a snapshot: v8 is not among its 4 packages;"
        " did you mean deno_v8 or rusty_v8?"
    )
    with pytest.raises(NothingToLiftError) as caught:
        select(sketch.graph(*roots), "other")
    assert caught.value.what == "no build script of app and tool makes a snapshot: other is not among its 4 packages"


def test_near_misses() -> None:
    assert near_misses("v8", ["rusty-v8", "serde-v-8"]) == ["rusty-v8"]
    assert near_misses("snapshot", ["snapshot1", "snapshot2", "snapshot3", "snapshot4", "my-snapshot"]) == [
        "snapshot4",
        "snapshot3",
        "snapshot2",
    ]
    assert near_misses("v8", ["deno_v8", "rusty_v8", "serde", "v9-x"]) == ["deno_v8", "rusty_v8"]
    assert near_misses("snapshots", ["snapshot", "serde"]) == ["snapshot"]
    assert near_misses("zzz", ["serde"]) == []
