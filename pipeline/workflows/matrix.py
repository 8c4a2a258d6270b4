"""What is built where: pairs of runtime and target, by the machine that makes their snapshot."""

from __future__ import annotations

import dataclasses

from pipeline.model.spec.tables import Spec
from pipeline.model.spec.versions import at_version

QEMU = "qemu"
SELF_HOSTED = "self-hosted"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """One product: a runtime for a target."""

    runtime: str
    target: str
    rounds: int = 1
    """How many generator bundles it takes."""

    def row(self) -> dict[str, str]:
        """Return the row of a job's matrix."""
        return {"runtime": self.runtime, "target": self.target}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matrix:
    """All products, and how they are made."""

    in_one_job: tuple[Pair, ...]
    """Snapshots by QEMU, or by the build machine itself."""
    handed_over: tuple[Pair, ...]
    """Snapshots by the snapshot runner, between two jobs that compile."""
    runner: tuple[str, ...]
    self_hosted: bool
    """The snapshot runner is a machine of the user's own: code of strangers must not reach it."""

    @property
    def rounds(self) -> int:
        """Return how many pairs of jobs hand over."""
        return max((pair.rounds for pair in self.handed_over), default=0)

    def in_round(self, number: int) -> tuple[Pair, ...]:
        """Return the products that have a generator in this round, counted from 1."""
        return tuple(pair for pair in self.handed_over if pair.rounds >= number)


def make_matrix(spec: Spec) -> Matrix:
    """Return what the specification says about products and runners."""
    pairs = tuple(
        Pair(runtime=name, target=target, rounds=spec.runtimes[name].snapshot_rounds)
        for name in runtime_names(spec)
        for target in at_version(name, spec.runtimes[name], None).targets
    )
    handed_over = tuple(pair for pair in pairs if _is_handed_over(spec, pair))
    return Matrix(
        in_one_job=tuple(pair for pair in pairs if pair not in handed_over),
        handed_over=handed_over,
        runner=spec.ci.snapshot_runner,
        self_hosted=SELF_HOSTED in spec.ci.snapshot_runner,
    )


def runtime_names(spec: Spec) -> tuple[str, ...]:
    """Return the runtimes that are built and released."""
    if spec.ci.runtimes:
        return spec.ci.runtimes
    return (spec.default_runtime,) if spec.default_runtime else tuple(spec.runtimes)


def _is_handed_over(spec: Spec, pair: Pair) -> bool:
    # Without lifting there is no program that could be handed over.
    ci, is_lifted = spec.ci, spec.runtimes[pair.runtime].strategy == "lift"
    return is_lifted and ci.snapshot_runner != (QEMU,) and pair.target in ci.snapshot_targets
