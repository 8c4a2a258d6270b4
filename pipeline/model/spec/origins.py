"""Where ``releases.toml`` may say that things come from: the sources of a runtime, and its virtual machine.

The attribute docstrings are the reference: ``docs/releases-toml.md`` is generated from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from pipeline.model.spec.base import SpecTable
from pipeline.model.spec.values import Revision, TagTemplate, Text, Texts

RUSTY_V8_TARGETS = frozenset({"amd64", "arm64"})
"""Linux targets for which rusty_v8's releases hold archives."""


class PathSource(SpecTable):
    """Sources in a directory of this machine; they are read and never changed."""

    kind: Literal["path"]
    path: Path
    """Directory of the Cargo workspace; a relative one begins at the directory of `releases.toml`."""


class RegistrySource(SpecTable):
    """A package of the crates.io registry, with the `Cargo.lock` that it was published with."""

    kind: Literal["registry"]
    package: Text
    """Name of the package."""
    version: Text
    """Exact version."""


class GitSource(SpecTable):
    """One commit of a git repository."""

    kind: Literal["git"]
    url: Text
    """Address that `git fetch` understands."""
    rev: Revision
    """The commit, 40 hexadecimal digits: tags and branches can move."""
    version: Text | None = None
    """Version that the commit is; with it, there may be further `versions`, and `sync` looks for new ones."""
    tag: TagTemplate = "v{version}"
    """What upstream calls the tags of its versions."""


Source = Annotated[PathSource | RegistrySource | GitSource, pydantic.Field(discriminator="kind")]


class SystemVm(SpecTable):
    """The virtual machine is a library of the target's distribution."""

    kind: Literal["system"]
    packages: Annotated[Texts, pydantic.Field(min_length=1)] = ("libnode-dev",)
    """Packages that the target's sysroot gets in addition, such as Debian's `libnode-dev`."""


class PrebuiltVm(SpecTable):
    """The virtual machine is an archive that was built elsewhere (`RUSTY_V8_MIRROR`)."""

    kind: Literal["prebuilt"]
    mirror: Text | None = None
    """Directory or address laid out like rusty_v8's releases; without it, those releases themselves."""


class SourceVm(SpecTable):
    """The virtual machine is compiled from the sources in its crate."""

    kind: Literal["source"]
    gn_args: Texts = ()
    """Arguments for `gn gen`, in addition to those that the target asks for."""


VmProvider = Annotated[SystemVm | PrebuiltVm | SourceVm, pydantic.Field(discriminator="kind")]
