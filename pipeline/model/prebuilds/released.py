"""Prebuilds of a release, as ``release.json`` lists them: one entry for each index of theirs."""

from __future__ import annotations

import pydantic

from pipeline.model.prebuilds.manifest import Prebuild
from pipeline.model.releases.asset import Asset, Text


class ReleasedPrebuilds(pydantic.BaseModel):
    """The prebuilds of one project and version."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Text
    """Of the project, npm package or runtime."""
    version: Text
    prebuilds: tuple[Prebuild, ...]
    """What the index lists, with their archives; those of a runtime are the zip and the tar of its product."""
    assets: tuple[Asset, ...]
    """The index, and archives that belong to no product."""
