from __future__ import annotations

from pipeline.lifting.graph import host_libraries, linked_crates, program_crates, script_features, target_libraries
from pipeline.model.analysis import CrateFeatures
from tests.unit.lifting.graphs import Sketch


def test_crates_of_the_product_with_what_they_use() -> None:
    sketch = Sketch()
    leaf = sketch.add("leaf")
    middle = sketch.add("middle", leaf)
    own = sketch.add("app", middle)
    program = sketch.add("app", own, leaf, kind="bin")
    found = linked_crates(sketch.graph(program))
    assert {crate.package.name: [str(key) for key in crate.requires] for crate in found} == {
        "app": ["leaf v1.0.0", "middle v1.0.0"],
        "middle": ["leaf v1.0.0"],
        "leaf": [],
    }


def test_what_runs_on_the_host_is_no_part_of_the_product() -> None:
    sketch = Sketch()
    helper = sketch.add("helper", host=True)
    script = sketch.script("app", helper)
    macro_user = sketch.add("quote", host=True)
    macro = sketch.add("derive", macro_user, kind="proc-macro", host=True)
    leaf = sketch.add("leaf")
    sketch.add("unused")
    program = sketch.add("app", script, macro, leaf, kind="bin")
    assert [crate.package.name for crate in linked_crates(sketch.graph(program))] == ["app", "leaf"]


def test_libraries_of_each_side_with_the_features_of_all_their_units() -> None:
    sketch = Sketch()
    on_host = sketch.add("shared", host=True, features=("h",))
    script = sketch.script("app", on_host, features=("s",))
    on_target = sketch.add("shared", features=("b",))
    again = sketch.add("shared", features=("a",))
    one = sketch.add("app", script, on_target, again, kind="bin", features=("own",))
    other = sketch.add("tool", again, kind="bin")
    graph = sketch.graph(other, one)

    def found(crates: tuple[CrateFeatures, ...]) -> list[tuple[str, list[str]]]:
        return [(crate.package.name, sorted(crate.features)) for crate in crates]

    assert found(target_libraries(graph)) == [("app", ["own"]), ("shared", ["a", "b"]), ("tool", [])]
    assert found(host_libraries(graph)) == [("shared", ["h"])]
    assert found(program_crates(graph, "app")) == [("shared", ["a", "b"]), ("app", ["own"])]
    assert found(program_crates(graph, "tool")) == [("shared", ["a"]), ("tool", [])]
    assert found(script_features(graph)) == [("app", ["s"])]
