"""Files that the pipeline writes for others, and the JSON schemas (draft 2020-12) that they follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipeline.model import components, record, verified
from pipeline.model.prebuilds import manifest as prebuild
from pipeline.model.releases import manifest

SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "build-info": record.json_schema,
    "components": components.json_schema,
    "prebuilds": prebuild.json_schema,
    "release": manifest.json_schema,
    "verify": verified.json_schema,
}
"""Each is published as ``docs/schema/<name>.json``."""
