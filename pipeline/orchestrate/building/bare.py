"""Where a product is tried: a root with what its users have, and nothing of the machine that built it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline import fs
from pipeline.executors.choose import Means, candidates
from pipeline.model.execution import Executor
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.toolchain import Toolchain
from pipeline.orchestrate.building.assumed import find_assumed
from pipeline.stages.building import verify


def bare_executor(runtime: RuntimeSpec, toolchain: Toolchain, means: Means, place: Path, name: str) -> Executor:
    """Return the executor *name* with a root, kept below *place*, that holds the C library and what is assumed.

    Raises PackageError when the sysroot lacks an assumed library, ToolboxError when it has no loader.
    """
    assumed = find_assumed(runtime, toolchain)
    identity = fs.sha256_json([toolchain.digest, *sorted(assumed)])[:16]
    root = place / f"{toolchain.target.name}-{identity}"
    with fs.locked_beside(root):
        if not root.is_dir():
            verify.make_bare_root(toolchain.sysroot, toolchain.target, root, assumed=assumed)
    return candidates(dataclasses.replace(means, sysroot=root))[name]
