"""How much is compiled: the units of several unit graphs together, those that they share counted once."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

from pipeline.model.cargo import Unit, UnitGraph


class Side(enum.StrEnum):
    """What a unit is for."""

    HOST = "host"
    TARGET = "target"


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class UnitKind:
    """Units that cost about the same: on one side, optimised alike. Runs of build scripts are of no level."""

    side: Side
    opt_level: str
    """Empty for runs of build scripts."""

    def __str__(self) -> str:
        """Return the kind in words."""
        return f"{self.side}, opt-level {self.opt_level}" if self.opt_level else f"{self.side}, build scripts run"


Units = Mapping[str, UnitKind]
"""Units by the digest of all that makes Cargo compile one apart from another."""


def units_of(graphs: Iterable[UnitGraph]) -> Units:
    """Return all units of *graphs*, which must be of one tree: what two of them need is there once."""
    return {digest: _kind(unit) for graph in graphs for digest, unit in zip(_digests(graph), graph.units, strict=True)}


def counted(units: Units) -> Counter[UnitKind]:
    """Return how many units there are of each kind."""
    return Counter(units.values())


def _kind(unit: Unit) -> UnitKind:
    side = Side.HOST if unit.platform is None else Side.TARGET
    return UnitKind(side=side, opt_level="" if unit.runs_script else unit.profile.opt_level)


def _digests(graph: UnitGraph) -> list[str]:
    """Return a digest for each unit: of itself and, through their digests, of the units that it depends on."""
    found: dict[int, str] = {}
    for start in range(len(graph.units)):
        pending = [start]
        while pending:
            index = pending[-1]
            missing = [item.index for item in graph.units[index].dependencies if item.index not in found]
            if missing:
                pending += missing
            else:
                found[pending.pop()] = _digest(graph.units[index], found)
    return [found[index] for index in range(len(graph.units))]


def _digest(unit: Unit, known: Mapping[int, str]) -> str:
    own = (
        unit.pkg_id, unit.target.name, unit.target.kind, unit.profile.opt_level, unit.profile.lto, unit.platform,
        unit.mode, unit.features, sorted(known[item.index] for item in unit.dependencies),
    )  # fmt: skip
    return hashlib.sha256(repr(own).encode()).hexdigest()
