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
            "the toolchain image is for whole commands",
            cause="--toolchain docker has the command line run in it, and this is only a part of it",
            action="give --toolchain private (or auto) here",
        )
    return make_toolchain(inputs, context)
