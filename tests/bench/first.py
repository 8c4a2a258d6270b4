"""The first build of all, with nothing cached: tools and sysroot are fetched, too."""

from __future__ import annotations

import shutil
from typing import Any

from tests.bench.places import Place
from tests.bench.trees import fresh_pico


def measure(place: Place) -> dict[str, Any]:
    """Build from an empty cache directory; Cargo's registry cache is the caller's."""
    own = Place(place.directory, place.directory / "empty")
    try:
        usage, (outcome,) = own.build(fresh_pico(place.directory))
        return {
            "wall_s": usage.wall_s,
            "cpu_s": usage.cpu_s,
            "peak_memory_mb": usage.peak_memory_mb,
            "emulated_cpu_s": outcome["emulated_cpu_s"],
            "cached_bytes": sum(path.lstat().st_size for path in own.cache_dir.rglob("*")),
            "steps": [
                {
                    "title": step["title"],
                    "where": step["where"],
                    "seconds": round(step["duration_s"], 2),
                    "cpu_s": step["cpu_s"],
                    "peak_memory_mb": round((step["peak_memory_bytes"] or 0) / 2**20),
                    "detail": step["detail"],
                }
                for step in outcome["steps"]
            ],
        }
    finally:
        shutil.rmtree(own.cache_dir, ignore_errors=True)
