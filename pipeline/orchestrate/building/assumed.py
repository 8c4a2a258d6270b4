"""Libraries that users are known to have: the product does without them, its checks do not."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import PackageError
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building.bundle import find_library


def find_assumed(runtime: RuntimeSpec, toolchain: Toolchain) -> dict[str, Path]:
    """Return the runtime's assumed libraries, by name, as the sysroot has them; raises PackageError."""
    found = {name: find_library(name, toolchain) for name in runtime.assumed_libraries}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise PackageError(
            f"the {toolchain.target.name} sysroot has no {', '.join(missing)}, which users are assumed to have",
            cause="a misspelt name in `assumed-libraries`, or a library that is in none of the sysroot's packages",
            action="correct the name, or take it out: what the product needs then travels with it",
        )
    return {name: path for name, path in found.items() if path is not None}
