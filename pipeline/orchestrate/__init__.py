"""Walks the steps of a build in order: the only place that knows all stages."""

from pipeline.orchestrate.building.counting import count_units
from pipeline.orchestrate.building.delivery import write_page
from pipeline.orchestrate.building.driver import build
from pipeline.orchestrate.building.step import snapshot_step
from pipeline.orchestrate.handoff.exporting import export_generators
from pipeline.orchestrate.handoff.running import RunOrder, RunReport, run_bundle
from pipeline.orchestrate.handoff.stitching import stitch
from pipeline.orchestrate.proof.proving import ProofOrder, prove
from pipeline.orchestrate.proof.self_testing import SelfTestProduct, try_verifier

__all__ = [
    "ProofOrder",
    "RunOrder",
    "RunReport",
    "SelfTestProduct",
    "build",
    "count_units",
    "export_generators",
    "prove",
    "run_bundle",
    "snapshot_step",
    "stitch",
    "try_verifier",
    "write_page",
]
