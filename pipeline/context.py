"""What every stage needs to know about this run: where things go, who listens, what is allowed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.model.events import Reporter


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """Frozen surroundings of one invocation; made once by the command line."""

    cache_dir: Path
    """Content-addressed things that can be made again: tools, sysroots, work trees."""
    reporter: Reporter
    environ: Mapping[str, str]
    """The caller's environment, read once; children get parts of it (``proc.base_environment``)."""
    offline: bool = False
    jobs: int | None = None
    """Parallel jobs for compilers; None lets each tool decide."""

    @property
    def work_root(self) -> Path:
        """Directory of the work trees of builds."""
        return self.cache_dir / "work"
