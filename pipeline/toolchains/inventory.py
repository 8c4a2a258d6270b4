"""Which tools the toolbox of this user holds, read from its remembered plans; nothing is asked, run or made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pipeline.model.toolchain import Tool
from pipeline.toolchains.install import DIGEST_LENGTH
from pipeline.toolchains.plan import Plan, read_plan

_PROGRAMS: Final = re.compile(r"(clang|lld|ninja|gn|rustc|cargo|qemu|patchelf)\b")


def tools_at_hand(toolbox: Path) -> tuple[Tool, ...]:
    """Return the compilers and emulators that lie in the directory *toolbox*, by name and version."""
    found = {tool for path in toolbox.glob("plans/*.json") for tool in _tools_of(read_plan(path), toolbox)}
    return tuple(sorted(found, key=lambda tool: (tool.name, tool.version)))


def _tools_of(plan: Plan | None, toolbox: Path) -> tuple[Tool, ...]:
    # A plan may be remembered and never be carried out (doctor), or be carried out and cleared away.
    if plan is None or not (toolbox / f"tools-{plan.tools_digest[:DIGEST_LENGTH]}").is_dir():
        return ()
    wanted = {name for name in plan.named if _PROGRAMS.match(name)}
    wanted |= {plan.rust.rustc, plan.rust.cargo} if plan.rust else set()
    return tuple(
        Tool(name=package.name, version=package.version, origin="private")
        for package in plan.tools
        if package.name in wanted
    )
