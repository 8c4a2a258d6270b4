"""Walks the steps of a build in order: the only place that knows all stages."""

from pipeline.orchestrate.driver import build
from pipeline.orchestrate.step import snapshot_step

__all__ = ["build", "snapshot_step"]
