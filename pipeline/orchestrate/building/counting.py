"""What a build would compile, without compiling it: Cargo's own unit graphs of both phases, and of a plain build."""

from __future__ import annotations

import dataclasses

from pipeline.context import Context
from pipeline.lifting.units import counted, units_of
from pipeline.model.analysis import Analysis
from pipeline.model.build import BuildRequest, TargetRequest
from pipeline.model.cargo import Goal, UnitGraph
from pipeline.model.units import UnitRow, UnitTable
from pipeline.orchestrate.building.preparing import lifted_job
from pipeline.rust import cargo
from pipeline.workbench.lift import Lift, enter_generator_form, enter_product_form


def count_units(request: BuildRequest, context: Context) -> tuple[UnitTable, ...]:
    """Return the units for each target of the request; sources and tools are fetched, V8 is not.

    Raises what the stages before the first compilation raise.
    """
    return tuple(_count(request, wanted, context) for wanted in request.targets)


def _count(request: BuildRequest, wanted: TargetRequest, context: Context) -> UnitTable:
    with lifted_job(request, wanted, context, runs_here=False, with_v8=False) as (_job, lift):
        analysis = lift.analysis
        generators = [_generator_graph(lift, number) for number in range(len(lift.generators))]
        enter_product_form(lift)
        product = cargo.unit_graph(lift.call, lift.product)
        return UnitTable(
            runtime=request.name or analysis.product.key.name,
            version=analysis.product.key.version,
            target=wanted.target.name,
            profile=request.runtime.profile,
            rows=_rows(_untouched_graph(lift), generators, product),
        )


def _rows(native: UnitGraph, generators: list[UnitGraph], product: UnitGraph) -> tuple[UnitRow, ...]:
    columns = [counted(units_of(graphs)) for graphs in ([native], generators, [product], [*generators, product])]
    kinds = sorted(
        {kind for column in columns for kind in column}, key=lambda kind: (kind.side, not kind.opt_level, kind)
    )
    return tuple(
        UnitRow(
            kind=str(kind),
            native=columns[0][kind],
            generators=columns[1][kind],
            product=columns[2][kind],
            both=columns[3][kind],
        )
        for kind in kinds
    )


def _generator_graph(lift: Lift, number: int) -> UnitGraph:
    generator = lift.generators[number]
    enter_generator_form(lift, generator)
    return cargo.unit_graph(lift.call, generator.goal)


def _untouched_graph(lift: Lift) -> UnitGraph:
    """Return the graph of the sources as they are, built for this machine.

    The machine is named as the target, or the graph would not tell host and target apart.
    """
    analysis = lift.analysis
    selection = dataclasses.replace(analysis.selection, target_triple=analysis.host_triple)
    call = dataclasses.replace(lift.call, manifest_path=analysis.product.manifest_path, selection=selection, config=())
    return cargo.unit_graph(call, _untouched_goal(analysis))


def _untouched_goal(analysis: Analysis) -> Goal:
    return Goal(
        packages=(analysis.product.key.spec,),
        bins=analysis.product.binaries,
        features=analysis.selection.features,
        default_features=analysis.selection.default_features,
    )
