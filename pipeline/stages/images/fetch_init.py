"""Fetch what runs as process 1 in images: tini, linked statically, from the distribution that the sysroot is of.

https://github.com/krallin/tini: it passes signals on, which a program without handlers does not get as process 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import ImageError
from pipeline.images.design import INIT_PATH
from pipeline.toolchains.foreign import ForeignInputs, ensure_foreign
from pipeline.toolchains.planner import Planner
from pipeline.toolchains.request import ToolboxInputs

_PACKAGE = "tini"
_PROGRAM_PATH = "usr/bin/tini-static"
_COPYRIGHT_PATH = "usr/share/doc/tini/copyright"


def run(toolbox: ToolboxInputs, context: Context) -> Mapping[str, Path]:
    """Return the program for the toolbox's target, and its copyright, by their paths in an image.

    Raises ImageError, ToolboxError, NetworkError, IntegrityError.
    """
    suite = Planner.for_machine(toolbox, context, frozenset()).sysroot_release.codename
    inputs = ForeignInputs(
        suites=(suite,), packages=(_PACKAGE,), programs=(), patchelf=None, toolbox=toolbox, target=toolbox.target
    )
    root = ensure_foreign(inputs, context).root
    if not (root / _PROGRAM_PATH).is_file():
        raise ImageError(
            f"the package {_PACKAGE} for {toolbox.target.name} has no {_PROGRAM_PATH}",
            cause="the distribution packs it otherwise",
            action="set `init = false` in [runtimes.NAME.image], and use `docker run --init`",
        )
    return {INIT_PATH: root / _PROGRAM_PATH, _COPYRIGHT_PATH: root / _COPYRIGHT_PATH}
