"""Walks the steps of a build in order: the only place that knows all stages."""

from pipeline.orchestrate.driver import build
from pipeline.orchestrate.exporting import export_generators
from pipeline.orchestrate.step import snapshot_step
from pipeline.orchestrate.stitching import stitch

__all__ = ["build", "export_generators", "snapshot_step", "stitch"]
