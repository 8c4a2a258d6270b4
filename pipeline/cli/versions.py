"""``--version``: which program this is, and the tools that it has at hand."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

import pipeline
from pipeline.toolchains.inventory import tools_at_hand

_NO_TOOLS: Final = "none yet; the first build fetches it"


def version_text(cache_dir: Path) -> str:
    """Return the versions, a line each."""
    tools = [f"{tool.name} {tool.version}" for tool in tools_at_hand(cache_dir / "toolbox")]
    lines = [f"snapstitch {pipeline.__version__}", f"python {platform.python_version()}"]
    lines += [f"toolbox {cache_dir / 'toolbox'}: " + ("" if tools else _NO_TOOLS), *(f"  {tool}" for tool in tools)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def version_json(cache_dir: Path) -> dict[str, object]:
    """Return the same as JSON values."""
    tools = [{"name": tool.name, "version": tool.version} for tool in tools_at_hand(cache_dir / "toolbox")]
    return {
        "schema": 1,
        "version": pipeline.__version__,
        "python": platform.python_version(),
        "toolbox": {"directory": str(cache_dir / "toolbox"), "tools": tools},
    }
