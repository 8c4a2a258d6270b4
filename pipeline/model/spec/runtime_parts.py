"""What a runtime in ``releases.toml`` may have several of: canaries, companions, versions.

The attribute docstrings are the reference: ``docs/releases-toml.md`` is generated from them.
"""

from __future__ import annotations

from typing import Annotated, Self

import pydantic

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.origins import VmProvider
from pipeline.model.spec.values import (
    AssetName,
    Flag,
    Gigabytes,
    InsideFiles,
    Revision,
    RuntimeName,
    RustVersion,
    Seconds,
    TargetNames,
    Text,
    Texts,
)

DEFAULT_CANARY_TIMEOUT_S = 20.0

ProfileSettings = dict[str, pydantic.JsonValue]


class Canary(SpecTable):
    """A run of the product that shows that its snapshot works, and what it must answer.

    The canaries of a runtime are a ladder: the first asks for little, each further one for more.
    """

    name: Text | None = None
    """What it shows, in a word: its rung on the ladder."""
    args: Annotated[tuple[str, ...], pydantic.Field(min_length=1)]
    """Arguments for the product's first binary."""
    files: InsideFiles = {}
    """Files in its working directory, beside those of `canary-dir`: path and content."""
    stdout: str | None = None
    """Exactly what it must print."""
    stdout_contains: str | None = None
    """A part of what it must print."""
    exit_code: Annotated[pydantic.StrictInt, pydantic.Field(ge=0, le=255)] = 0
    """The exit status that is right."""
    timeout_s: Seconds = DEFAULT_CANARY_TIMEOUT_S
    """Seconds after which it has failed, on a processor of about 2 GHz. The executor's speed is measured first, and
    the limit is that much longer where it is slower."""

    @pydantic.model_validator(mode="after")
    def _one_expectation(self) -> Self:
        if self.stdout is not None and self.stdout_contains is not None:
            raise ValueError("'stdout' and 'stdout-contains' exclude each other; keep one")
        return self


class CompanionSpec(SpecTable):
    """Programs of another package of the same workspace, built by the same call of Cargo, with the same snapshots."""

    package: RuntimeName
    """Package that is built as well."""
    binaries: Texts = ()
    """Binaries of it; without it, all that the package has."""
    asset_name: AssetName | None = None
    """File name of a zip of its own, in which `{runtime}` stands for the package's name; without it, the programs lie
    in the runtime's zip."""
    canaries: tuple[Canary, ...] = ()
    """Runs of the first binary, where it has a zip of its own; each must answer as it says."""

    @pydantic.model_validator(mode="after")
    def _canaries_have_a_zip(self) -> Self:
        if self.canaries and self.asset_name is None:
            raise ValueError("'canaries' are for a zip of its own; give 'asset-name', too")
        return self


class VersionSpec(SpecTable):
    """One version of a runtime from the registry, or from a repository.

    What it says stands in the place of what the runtime says; what it leaves out is the same.
    """

    version: Text
    """Version of the package."""
    rev: Revision | None = None
    """The commit that it is, for a source of kind `git`."""
    buildable: Flag = True
    """Whether it may be chosen by itself. The newest version that is, the runtime's own included, is what is built
    when none is named."""
    rust: RustVersion | None = None
    """Oldest Rust that compiles it."""
    vm_crate: Text | None = None
    """Package of the virtual machine."""
    v8: VmProvider | None = None
    """Where the virtual machine comes from."""
    features: Texts | None = None
    """Cargo features of the product."""
    accept_lost_features: Texts | None = None
    """`CRATE/FEATURE` that a generator may be compiled without."""
    native_tools: Flag | None = None
    """Whether crates of the tree run CMake, make, pkg-config or bindgen."""
    profiles: dict[Text, ProfileSettings] | None = None
    """Settings of Cargo profiles; one that is described here takes the place of the runtime's of that name."""
    peak_memory_gb: dict[Text, Gigabytes] | None = None
    """What the largest run of a compiler or linker takes, by the profile's name."""
    targets: TargetNames | None = None
    """Targets that it can be built for."""
