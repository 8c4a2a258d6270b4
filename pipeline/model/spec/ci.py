"""What ``releases.toml`` may say about builds on a hosted service."""

from __future__ import annotations

from typing import Annotated

import pydantic

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.values import Labels, TargetNames, Text, Texts


class CiSpec(SpecTable):
    """The workflows that `python -m pipeline workflows` writes; docs/ci.md describes them."""

    runtimes: Texts = ()
    """Runtimes that are built and released; without it, the default one."""
    build_runner: Text = "ubuntu-24.04"
    """Label of the hosted runner, of x86-64, that compiles."""
    build_image: str = "debian:12"
    """Container image, with apt, that the build runner compiles in; empty: the runner itself. A Debian has the
    suites that `targets` may name."""
    snapshot_runner: Labels = ("qemu",)
    """Where snapshots are made: `"qemu"` (emulated, in the job that compiles), the label of a hosted runner such as
    `"ubuntu-24.04-arm"`, or the labels of a runner of your own, which begin with `"self-hosted"`."""
    snapshot_targets: TargetNames = ("arm64",)
    """Targets that the snapshot runner is for; the others' snapshots are made by QEMU, or natively."""
    timeout_min: Annotated[pydantic.StrictInt, pydantic.Field(ge=1, le=360)] = 90
    """Minutes after which a job that compiles is stopped."""
