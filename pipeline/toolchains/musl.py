"""A root with musl, in which programs that are linked with it run."""

from __future__ import annotations

from pathlib import Path

from pipeline.context import Context
from pipeline.model.target import Target
from pipeline.toolchains.foreign import ForeignInputs, ensure_foreign
from pipeline.toolchains.request import ToolboxInputs

SUITES = ("trixie",)
"""With Debian 12's musl 1.2.3 a Node for musl dies at its start under QEMU; 1.2.5 of Debian 13 runs it."""


def ensure_musl(target: Target, context: Context, suites: tuple[str, ...] = SUITES) -> Path:
    """Return the root, made first where it is absent; see ``ensure_foreign`` for what is raised."""
    inputs = ForeignInputs(
        suites=suites,
        packages=("musl",),
        programs=(),
        patchelf=None,
        toolbox=ToolboxInputs(target=target),
        target=target,
    )
    return ensure_foreign(inputs, context).root
