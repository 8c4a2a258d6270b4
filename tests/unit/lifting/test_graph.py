from __future__ import annotations

from pipeline.lifting.graph import linked_crates
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
