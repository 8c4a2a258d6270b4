"""``build-info.json``: who made a product, from what, with what, and what the checks say; see docs/build-info.md.

What two equal builds share stands under ``subject``, which has a digest of its own; times and the machine that was
used stand beside it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from pipeline.model.events import Where
from pipeline.model.findings import Finding, Severity
from pipeline.model.toolchain import Tool

RECORD_SUFFIX = ".build-info.json"

Sha256 = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, pydantic.Field(ge=0)]
Seconds = Annotated[float, pydantic.Field(ge=0)]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileRecord(_Model):
    """A file of the product."""

    path: str
    """Inside the zip."""
    size_bytes: Bytes
    sha256: Sha256


class V8Facts(_Model):
    """What a snapshot's header says."""

    version: str
    contexts: int
    rehashable: bool
    size_bytes: Bytes
    """Of V8's part; an embedder may have appended its own."""
    checksum: str
    checksum_kind: str | None
    magic: str
    """First word of each section: equal in all snapshots of one V8 build."""


class SnapshotFile(_Model):
    """A file that a generator left in OUT_DIR."""

    path: str
    """Relative to OUT_DIR."""
    size_bytes: Bytes
    sha256: Sha256
    v8: V8Facts | None = None
    """Set for V8 snapshots."""


class PatchRecord(_Model):
    """A patch that was applied to the source."""

    name: str
    sha256: Sha256
    package: str | None = None
    """Package that it is for; None: the source as a whole."""
    offsets: tuple[int, ...] = ()
    """By how many lines hunks lay off; empty when all were where the patch says."""


class SnapshotRecord(_Model):
    """One lifted package: the program that made its snapshot, and what it made."""

    package: str
    version: str
    generator_sha256: Sha256
    files: tuple[SnapshotFile, ...]


class VmRecord(_Model):
    """The virtual machine that the product embeds."""

    crate: str
    crate_version: str
    v8_version: str | None = None
    """As the snapshots have it; None when no snapshot is V8's."""


class Subject(_Model):
    """What a build is about; equal in two builds that are equal."""

    name: str
    version: str
    target: str
    rust_triple: str
    zip_name: str
    zip_size_bytes: Bytes
    zip_sha256: Sha256
    deflate: str
    """Which implementation and settings packed the zip: others make other bytes of the same files."""
    source_date_epoch_s: int
    files: tuple[FileRecord, ...]
    snapshots: tuple[SnapshotRecord, ...]
    generation_sha256: Sha256 | None = None
    """Over all snapshots of the build: equal in the records of zips that were built together."""
    vm: VmRecord
    patches: tuple[PatchRecord, ...] = ()
    """In the order in which they were applied."""
    lock_sha256: Sha256
    """Of the workspace's Cargo.lock."""
    features: tuple[str, ...]
    default_features: bool
    profile: str
    glibc_floor: str | None = None
    """Newest glibc that any file of the product needs."""
    assumed_libraries: tuple[str, ...] = ()
    """Libraries that users must have beside the C library: they do not travel with the product."""
    toolchain: tuple[Tool, ...]
    toolchain_digest: str
    components_sha256: Sha256 | None = None
    """Of the list of what the product is made of, which lies beside the zip."""


class ExecutorRecord(_Model):
    """Who ran the target's programs."""

    name: str
    version: str
    cpu_model: str
    emulated: bool


class StepRecord(_Model):
    """A step of the build."""

    title: str
    where: Where
    duration_s: Seconds
    cpu_s: Seconds | None = None
    """User and system seconds of the step's processes, where they were measured."""
    peak_memory_bytes: Bytes | None = None
    """Of the step's largest process, where it was measured."""
    detail: str = ""


class Difference(_Model):
    """A part that is not the same in two builds of one tree."""

    part: str
    this: str
    other: str
    reason: str


class BuildRecord(_Model):
    """A whole ``build-info.json``."""

    schema_version: Literal[2] = 2
    subject: Subject
    subject_sha256: Sha256
    """Of the subject as it stands here, as JSON with sorted keys and no white space."""
    record_sha256: Sha256
    """Of everything else as it stands here, as JSON with sorted keys and no white space."""
    pipeline_version: str
    built_at: str
    """Wall-clock time, RFC 3339, UTC."""
    executor: ExecutorRecord | None = None
    """None when every snapshot was there already."""
    emulated_cpu_s: Seconds = 0.0
    """CPU seconds spent under emulation to make snapshots; checks are apart."""
    steps: tuple[StepRecord, ...]
    findings: tuple[Finding, ...]
    verdict: Severity
    differences: tuple[Difference, ...] = ()
    """What is not equal to an earlier build of the same tree, if one was compared."""

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of ``build-info.json``."""
    return BuildRecord.model_json_schema(mode="serialization")


def differences(this: Subject, other: Subject) -> tuple[Difference, ...]:
    """Return which parts of two builds are unequal, and which unequal part that follows from."""
    found = []
    for name, reason in _REASONS.items():
        ours, theirs = getattr(this, name), getattr(other, name)
        if ours != theirs:
            found.append(Difference(part=name, this=_short(ours), other=_short(theirs), reason=reason))
    return tuple(found)


_REASONS = {
    "patches": "other patches were applied",
    "lock_sha256": "another Cargo.lock",
    "toolchain_digest": "other tools or another sysroot",
    "features": "other features were asked for",
    "default_features": "other features were asked for",
    "profile": "another Cargo profile was asked for",
    "assumed_libraries": "other libraries are assumed to be there",
    "components_sha256": "other components, or others are declared",
    "vm": "another virtual machine",
    "snapshots": "the generator differs, or what it writes differs from run to run",
    "files": "follows from the parts above, or the compiler's output differs from run to run",
    "deflate": "another implementation packed the zip",
    "source_date_epoch_s": "SOURCE_DATE_EPOCH differs",
    "zip_sha256": "follows from the parts above",
}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
