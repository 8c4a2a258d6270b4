"""``prebuilds/manifest.json``: compiled files that a downstream project can take as they are; see docs/prebuilds.md.

The same document describes what lies in a package (without ``archives``) and, as ``<name>-<version>.prebuilds.json``,
what can be downloaded (with them).
"""

from __future__ import annotations

import enum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

import pydantic

from pipeline.model.record import Bytes, Sha256
from pipeline.model.releases.asset import FileName, SnapshotDigest, Text

MANIFEST_PATH = "prebuilds/manifest.json"
"""Inside a package."""
INDEX_SUFFIX = ".prebuilds.json"

Version = Annotated[str, pydantic.Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$")]
Word = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9_]{1,32}$")]
MAX_PROBE_TIMEOUT_S = 600.0


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or path != "/".join(parts) or ".." in parts:
        raise ValueError(f"{path!r} must be a relative path with '/' that stays inside")
    if not path.isprintable():
        raise ValueError(f"{path!r} has characters that are not printable")
    return path


InsidePath = Annotated[str, pydantic.Field(min_length=1, max_length=1024), pydantic.AfterValidator(_inside)]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PrebuildKind(enum.StrEnum):
    """What loads the file."""

    NODE_ADDON = "node-addon"
    """Node, as a module."""
    EXECUTABLE = "executable"
    """The system, as a program."""


class Libc(enum.StrEnum):
    """Which C library a file for Linux needs."""

    GLIBC = "glibc"
    MUSL = "musl"


class ArchiveFormat(enum.StrEnum):
    """How the files of a prebuild were packed."""

    ZIP = "zip"
    TAR_ZST = "tar.zst"


class PrebuildFile(_Model):
    """One file of a prebuild."""

    path: InsidePath
    """Relative to the root of the package; the same path inside archives, unless `strip` of the archive is set."""
    size_bytes: Bytes
    sha256: Sha256
    executable: bool = False
    """Whether the file has mode 0755 instead of 0644."""


class Archive(_Model):
    """One download that holds all files of a prebuild."""

    name: FileName
    """Of the file; it lies beside the index, or beside its mirror's."""
    url: Text | None = None
    """Where it lies when it is not beside the index."""
    format: ArchiveFormat
    size_bytes: Bytes
    sha256: Sha256
    prefix: str = ""
    """What `path` of every file has more than the path inside the archive; `prebuilds/linux-arm64/bin/` for a zip that
    has the program at its root."""
    packing: Text | None = None
    """Which implementation and settings packed it: others make other bytes of equal content."""


class Probe(_Model):
    """A run that shows that the prebuild works here; for an addon, it is loaded instead and this is left out."""

    args: tuple[str, ...]
    exit_code: Annotated[int, pydantic.Field(ge=0, le=255)] = 0
    timeout_s: Annotated[float, pydantic.Field(gt=0, le=MAX_PROBE_TIMEOUT_S)] = 20.0


class Prebuild(_Model):
    """One candidate: a compiled addon or program for one platform."""

    kind: PrebuildKind
    name: Text
    """Of the addon or program, without tags; several candidates of one name are told apart by what follows."""
    platform: Word
    """As `process.platform` has it: `linux`, `darwin`, `win32`."""
    arch: Word
    """As `process.arch` has it: `x64`, `arm64`, `arm`."""
    libc: Libc | None = None
    """Set for `linux`, unless the file needs no C library at all."""
    libc_floor: Version | None = None
    """Oldest version of that C library it runs with, measured; None: any version."""
    arm_version: Annotated[int, pydantic.Field(ge=5, le=9)] | None = None
    """Set for `arm`: the architecture's version that the code needs."""
    node_api: Annotated[int, pydantic.Field(ge=1, le=1000)] | None = None
    """Version of Node-API that an addon needs, `process.versions.napi` or older; None: see `node_abi`."""
    node_abi: Annotated[int, pydantic.Field(ge=1, le=10000)] | None = None
    """`process.versions.modules` that an addon without Node-API is bound to."""
    libraries: tuple[Text, ...] = ()
    """Shared libraries that the system must have beside the C library."""
    path: InsidePath
    """The addon or the program, one of `files`."""
    files: Annotated[tuple[PrebuildFile, ...], pydantic.Field(min_length=1)]
    """All that must lie at its place, the addon or program among them."""
    probe: Probe | None = None
    target: Text | None = None
    """Our name of the target, such as `arm64`; None for what was built elsewhere."""
    snapshots: tuple[SnapshotDigest, ...] = ()
    """What a VM's start-up snapshots inside it are, where there are some."""
    v8_version: Text | None = None
    """Of the VM inside an executable."""
    npm_package: Text | None = None
    """The package of its own that holds it, where platforms are apart; None: this one."""
    archives: tuple[Archive, ...] = ()
    """Downloads, each of which is enough; in an index only."""

    @pydantic.model_validator(mode="after")
    def _is_whole(self) -> Self:
        paths = [file.path for file in self.files]
        if len(set(paths)) < len(paths):
            raise ValueError("a file is listed twice")
        if self.path not in paths:
            raise ValueError(f"{self.path!r} is not among the files")
        is_addon = self.kind is PrebuildKind.NODE_ADDON
        if is_addon and (self.node_api is None) == (self.node_abi is None):
            raise ValueError("an addon has either 'node_api' or 'node_abi'")
        if not is_addon and (self.node_api, self.node_abi) != (None, None):
            raise ValueError("'node_api' and 'node_abi' are an addon's")
        return self


class PrebuildManifest(_Model):
    """A whole manifest or index."""

    schema_version: Literal[1]
    name: Text
    """Of the project or npm package."""
    version: Text
    source_date_epoch_s: int
    """The time that the files in the archives bear."""
    pipeline_version: Text
    prebuilds: tuple[Prebuild, ...]

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of manifest and index."""
    return PrebuildManifest.model_json_schema(mode="serialization")
