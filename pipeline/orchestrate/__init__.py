"""Walks the steps of a build in order: the only place that knows all stages."""

from pipeline.orchestrate.counting import count_units
from pipeline.orchestrate.delivery import write_page
from pipeline.orchestrate.driver import build
from pipeline.orchestrate.exporting import export_generators
from pipeline.orchestrate.proving import ProofOrder, prove
from pipeline.orchestrate.running import RunOrder, RunReport, run_bundle
from pipeline.orchestrate.self_testing import SelfTestProduct, try_verifier
from pipeline.orchestrate.step import snapshot_step
from pipeline.orchestrate.stitching import stitch

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
