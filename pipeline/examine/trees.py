"""What is to be verified, taken apart: trees of files, each for one platform at most."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath

from pipeline.model.findings import Finding, InputKind
from pipeline.model.members import Member
from pipeline.model.target import Target

MIN_DATA_BYTES = 32 * 1024
"""Smaller files that are no ELF files cannot hold a snapshot; they are not unpacked."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """What something says about itself before it is opened: by its name, its tags or its description."""

    target: Target | None = None
    glibc: tuple[int, ...] | None = None
    """Newest glibc that its programs may need, such as ``(2, 28)``."""
    source: str = ""
    """Who says so, in words: ``its name``, ``the wheel's tag``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tree:
    """Files that belong together."""

    label: str = ""
    """Which part of the input: the platform of an image; empty for the only one."""
    members: tuple[Member, ...]
    declared: Declared = dataclasses.field(default_factory=Declared)
    is_root: bool = False
    """Whether it is a whole root file system, so that every library must be in it."""

    @property
    def names(self) -> frozenset[str]:
        """Return the file names of all members, links included."""
        return frozenset(PurePosixPath(member.name).name for member in self.members)

    def subject(self, member: Member) -> str:
        """Return how a member is named in findings."""
        return f"{self.label}:{member.name}" if self.label else member.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """An input, taken apart."""

    kind: InputKind
    trees: tuple[Tree, ...]
    findings: tuple[Finding, ...] = ()
    """What was noticed on the way: digests that are not right, programs of other systems."""


def is_worth_a_look(name: str, size_bytes: int, head: bytes) -> bool:
    """Return whether a member can be an ELF file, hold a snapshot, or say what the whole is."""
    describes = PurePosixPath(name).name in DESCRIPTIONS or bool(_IMAGE_JSON.fullmatch(name))
    return (
        (describes and size_bytes <= MAX_DESCRIPTION_BYTES)
        or head.startswith(b"\x7fELF")
        or size_bytes >= MIN_DATA_BYTES
    )


MAX_DESCRIPTION_BYTES = 1024 * 1024
# Manifests and configurations in an OCI layout, configurations in what `docker save` writes.
_IMAGE_JSON = re.compile(r"(?:\./)?(?:blobs/sha256/)?[0-9a-f]{64}(?:\.json)?")
DESCRIPTIONS = frozenset({"package.json", "WHEEL", "oci-layout", "index.json", "manifest.json"})
