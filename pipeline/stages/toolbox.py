"""Makes the toolchain for one target: from the machine's tools, from fetched packages, or from both."""

from __future__ import annotations

from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.toolchain import Toolchain
from pipeline.toolchains.make import make_toolchain
from pipeline.toolchains.request import ToolboxInputs

__all__ = ["ToolboxInputs", "run"]


def run(inputs: ToolboxInputs, context: Context) -> Toolchain:
    """Return a toolchain that is complete and whose programs run.

    Raises ToolboxError, NetworkError, IntegrityError, DiskFullError, NotWritableError.
    """
    if inputs.mode == "docker":
        raise ToolboxError(
            "there is no toolchain image yet",
            cause="the image is made together with the other images of a release",
            action="give --toolchain private (or auto)",
        )
    return make_toolchain(inputs, context)
