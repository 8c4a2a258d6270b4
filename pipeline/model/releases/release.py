"""A release as it is meant to be, as a server has it, and what is between the two."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from pipeline.errors import PublishError

UPLOADED = "uploaded"
"""State of an asset whose bytes are all there; ``starter`` is what a broken upload leaves
(https://docs.github.com/en/rest/releases/assets#upload-a-release-asset)."""
MAX_ASSETS = 1000
MAX_ASSET_BYTES = 2 * 1024**3 - 1
"""Each file must be under 2 GiB (https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases)."""

# Anything else may be renamed by the server, such as blanks to dots, and checksums would name files that are not there.
_ASSET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,253}[A-Za-z0-9_]")
_TAG = re.compile(r"v[0-9][A-Za-z0-9._+-]{0,99}")
_REVISION = re.compile(r"(?P<base>.+)-r(?P<number>[0-9]{1,4})")

Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class PlannedAsset(pydantic.BaseModel):
    """One file that the release must have."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    pattern: Name
    """Its name, with ``*`` and ``[…]`` for what is not known before the build; exactly one file must match."""
    kind: Name
    """Such as ``zip`` or ``build-info``."""
    runtime: Name | None = None
    """None: the file belongs to the whole release."""
    target: Name | None = None
    sha256: str | None = None
    """Of its bytes, where that is known."""


class ReleasePlan(pydantic.BaseModel):
    """What makes a release whole: targets times runtimes times kinds, and what belongs to all of them."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    schema_version: Annotated[Literal[1], pydantic.Field(alias="schema")] = 1
    assets: Annotated[tuple[PlannedAsset, ...], pydantic.Field(min_length=1, max_length=MAX_ASSETS)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssetFile:
    """A file on this machine that is to become an asset."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    kind: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoteAsset:
    """An asset as the server lists it."""

    asset_id: int
    name: str
    state: str
    size_bytes: int
    sha256: str | None
    """None where the server tells none: assets from before June 2025 have no digest."""
    api_url: str
    public_url: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What is to be done so that the server has the files and nothing else."""

    keep: tuple[RemoteAsset, ...]
    delete: tuple[RemoteAsset, ...]
    upload: tuple[AssetFile, ...]

    @property
    def is_whole(self) -> bool:
        """Return whether nothing is to be done."""
        return not self.delete and not self.upload

    def differences(self) -> tuple[str, ...]:
        """Return a line for each asset that is not as it should be."""
        wanted = {file.name for file in self.upload}
        present = {asset.name for asset in self.delete}
        lines = [f"{asset.name}: {_fault(asset, planned=asset.name in wanted)}" for asset in self.delete]
        return (*lines, *(f"{file.name}: missing" for file in self.upload if file.name not in present))


def reconcile(
    files: Iterable[AssetFile], assets: Iterable[RemoteAsset], *, distrusted: frozenset[int] = frozenset()
) -> Reconciled:
    """Compare name, size, digest and state. *distrusted* assets have other bytes than the server says."""
    wanted = {file.name: file for file in files}
    keep: list[RemoteAsset] = []
    delete: list[RemoteAsset] = []
    for asset in assets:
        file = wanted.get(asset.name)
        good = file is not None and is_as_planned(asset, file) and asset.asset_id not in distrusted
        (keep if good else delete).append(asset)
    kept = {asset.name for asset in keep}
    upload = tuple(file for name, file in wanted.items() if name not in kept)
    return Reconciled(keep=tuple(keep), delete=tuple(delete), upload=upload)


def is_as_planned(asset: RemoteAsset, file: AssetFile) -> bool:
    """Return whether nothing that the server says of *asset* speaks against its being *file*."""
    same_bytes = asset.sha256 is None or asset.sha256 == file.sha256
    return asset.state == UPLOADED and asset.size_bytes == file.size_bytes and same_bytes


def _fault(asset: RemoteAsset, *, planned: bool) -> str:
    if not planned:
        return "not in the plan"
    return "other bytes" if asset.state == UPLOADED else f"its upload was cut (state {asset.state!r})"


def match_plan(plan: ReleasePlan, names: Iterable[str]) -> Mapping[str, PlannedAsset]:
    """Return which planned asset each file is.

    Raises PublishError with everything that is missing, doubled, not planned or not fit to be an asset's name.
    """
    found = sorted(names)
    matches = {asset: fnmatch.filter(found, asset.pattern) for asset in plan.assets}
    faults = [f"{asset.pattern}: no such file" for asset, hits in matches.items() if not hits]
    faults += [f"{asset.pattern}: {' and '.join(hits)}" for asset, hits in matches.items() if len(hits) > 1]
    taken = {name for hits in matches.values() for name in hits}
    faults += [f"{name}: not in the plan" for name in found if name not in taken]
    faults += [f"{name!r}: the server would rename it" for name in found if not _ASSET_NAME.fullmatch(name)]
    if faults:
        raise PublishError(
            f"the files are not those of the plan ({counted(len(faults), 'difference')})",
            cause="a build that failed or was forgotten, or files of an earlier version in the same directory",
            action="build what is missing into an empty directory; `publish --dry-run` shows the plan",
            details="\n".join(faults),
        )
    return {hits[0]: asset for asset, hits in matches.items()}


def counted(number: int, noun: str) -> str:
    """Return *number* with the noun that it counts."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def check_tag(tag: str) -> str:
    """Return *tag*. Raises PublishError for one that is no release's."""
    if not _TAG.fullmatch(tag) or ".." in tag or tag.endswith((".", ".lock")):
        raise PublishError(
            f"{tag!r} is not the tag of a release",
            cause="tags of releases begin with v and a digit, and have letters, digits and . _ + - only",
            action="give a tag such as v1.2.3",
        )
    return tag


def next_revision(tag: str, number: int) -> str:
    """Return the tag under which the release of *tag* is published for the *number*-th time."""
    match = _REVISION.fullmatch(tag)
    return f"{match.group('base') if match else tag}-r{number}"
