"""Compile for the target with Cargo, and make sure that no virtual machine was compiled for the build host."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import HostVmError
from pipeline.model.cargo import Artifact, CargoMessage
from pipeline.rust import cargo


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompileInputs:
    """One call of Cargo and what it is to build."""

    call: cargo.CargoCall
    goal: cargo.Goal
    vm_package_ids: frozenset[str]
    """Cargo's ids of the VM crate's packages: their libraries may exist for the target only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitCount:
    """Libraries and programs that Cargo compiled, and those that were there already."""

    compiled_host: int
    compiled_target: int
    fresh: int

    def __str__(self) -> str:
        """Return the figures in words."""
        if not self.compiled_host + self.compiled_target:
            return f"all {self.fresh} units fresh"
        return f"{self.compiled_target} units for the target, {self.compiled_host} for the host, {self.fresh} fresh"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompileOutputs:
    """The result of a call of Cargo."""

    outcome: cargo.BuildOutcome
    units: UnitCount


def run(
    inputs: CompileInputs,
    *,
    on_message: Callable[[CargoMessage], None] | None = None,
    on_output: Callable[[str], None] | None = None,
) -> CompileOutputs:
    """Build the goal.

    Raises CompileError when Cargo fails, HostVmError when the VM crate was compiled for the build host.
    """
    outcome = cargo.build(inputs.call, inputs.goal, on_message=on_message, on_output=on_output)
    _refuse_host_vm(inputs, outcome)
    return CompileOutputs(outcome=outcome, units=count_units(inputs.call, outcome))


def count_units(call: cargo.CargoCall, outcome: cargo.BuildOutcome) -> UnitCount:
    """Return how many libraries and programs were compiled for whom."""
    compiled = [artifact for artifact in outcome.artifacts if not artifact.fresh]
    for_target = sum(is_for_target(call, artifact) for artifact in compiled)
    return UnitCount(
        compiled_host=len(compiled) - for_target,
        compiled_target=for_target,
        fresh=len(outcome.artifacts) - len(compiled),
    )


def is_for_target(call: cargo.CargoCall, artifact: Artifact) -> bool:
    """Return whether an artifact lies where Cargo puts what it compiles for the target.

    With ``--target``, that is ``<target-dir>/<triple>/`` (The Cargo Book, "Build cache").
    """
    place = call.target_dir / call.selection.target_triple
    return all(Path(name).is_relative_to(place) for name in artifact.filenames)


def _refuse_host_vm(inputs: CompileInputs, outcome: cargo.BuildOutcome) -> None:
    for artifact in outcome.artifacts:
        if artifact.package_id in inputs.vm_package_ids and artifact.target.is_library:
            if is_for_target(inputs.call, artifact):
                continue
            raise HostVmError(
                f"the virtual machine was compiled for the build host: {artifact.package_id}",
                cause="a build script or procedural macro that was not lifted links it",
                action="please report the workspace's shape; `cargo tree -i` with the VM crate shows who asks for it",
                details="\n".join(map(str, artifact.filenames)),
            )
