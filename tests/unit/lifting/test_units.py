"""Units of several graphs: what they share is counted once, and kinds are told apart."""

from __future__ import annotations

from collections import Counter

from pipeline.lifting.units import Side, UnitKind, counted, units_of
from pipeline.model.cargo import UnitGraph
from tests.unit.lifting.graphs import Sketch

COMPILED_FOR_TARGET = UnitKind(side=Side.TARGET, opt_level="3")
COMPILED_FOR_HOST = UnitKind(side=Side.HOST, opt_level="3")
RUN_FOR_TARGET = UnitKind(side=Side.TARGET, opt_level="")


def program(name: str, *, features: tuple[str, ...] = ()) -> UnitGraph:
    """Return a program with a library that has a build script."""
    sketch = Sketch()
    script = sketch.script("base")
    base = sketch.add("base", script, features=features)
    top = sketch.add(name, sketch.add("middle", base), kind="bin")
    return UnitGraph(version=1, units=tuple(sketch.units), roots=(top,))


def test_kinds_of_one_graph() -> None:
    assert counted(units_of([program("app")])) == Counter(
        {COMPILED_FOR_TARGET: 3, COMPILED_FOR_HOST: 1, RUN_FOR_TARGET: 1}
    )
    assert [str(kind) for kind in (COMPILED_FOR_TARGET, COMPILED_FOR_HOST, RUN_FOR_TARGET)] == [
        "target, opt-level 3", "host, opt-level 3", "target, build scripts run",
    ]  # fmt: skip


def test_what_two_graphs_share_is_counted_once() -> None:
    together = counted(units_of([program("app"), program("generator")]))
    assert together == Counter({COMPILED_FOR_TARGET: 4, COMPILED_FOR_HOST: 1, RUN_FOR_TARGET: 1})


def test_a_feature_below_makes_everything_above_another_unit() -> None:
    together = counted(units_of([program("app"), program("app", features=("more",))]))
    assert together == Counter({COMPILED_FOR_TARGET: 6, COMPILED_FOR_HOST: 1, RUN_FOR_TARGET: 1})
