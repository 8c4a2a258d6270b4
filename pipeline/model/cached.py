"""The snapshot cache on disk: what decides a snapshot, and what is kept of one that was made.

An entry is two files: ``<digest>.json``, which is a `CacheEntry`, and ``<digest>.tar.zst`` with ``out/`` (OUT_DIR) and
``stdout`` (what the generator printed). The digest is over key and watched files. docs/cache.md describes the rules.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from pipeline.model.bundle import Identity, mismatches
from pipeline.model.snapshot import StepResult

ENTRY_SUFFIX = ".json"
PACK_SUFFIX = ".tar.zst"

Sha256 = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]

VOLATILE = frozenset({"NUM_JOBS", "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "TERM"})
"""Variables that say how many jobs run at once or who looks on; Cargo runs no script again when they change."""


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SnapshotKey(_Strict):
    """Everything that is known before the generator runs and may decide what it makes.

    Who runs it is left out on purpose: two executors must make the same snapshot.
    """

    schema_version: Literal[1] = 1
    target: Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]+$")]
    package: Annotated[str, pydantic.Field(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_-]*$")]
    version: Annotated[str, pydantic.Field(pattern=r"^[0-9][0-9A-Za-z.+-]*$")]
    generator_sha256: Sha256
    """Of the program: compilers, V8, features, flags and all compiled sources are in it."""
    identity: Identity
    """Of the build; sources of all local packages that the generator is made from, for it may read them."""
    workdir: str
    env: dict[str, str]
    """What it is given, without `VOLATILE`; OUT_DIR is among it: snapshots may name it."""


class CacheEntry(_Strict):
    """``<digest>.json``: one snapshot that is kept."""

    key: SnapshotKey
    watched: dict[str, str]
    """Digests of the files and directories that the script asked Cargo to watch; ``absent`` where there is none."""
    result: StepResult
    """Of the run that made it: who ran it, for how long, and the digest of every file of OUT_DIR."""
    pack_sha256: Sha256
    pack_size_bytes: Annotated[int, pydantic.Field(ge=0)]
    made_at: str
    """Wall-clock time, RFC 3339, UTC."""


class Lookup(_Strict):
    """What the last search for a snapshot came to; ``cache explain`` shows it."""

    key: SnapshotKey
    found: str | None
    """Digest of the entry that fitted; None: the generator had to run."""
    nearest: str | None = None
    """Of those that did not fit, the entry that differs least."""
    differences: tuple[str, ...] = ()
    """In which fields, in words."""
    not_kept: str | None = None
    """Why what the generator made afterwards was not kept; None: it was, or there was no need."""


def without_volatile(env: dict[str, str]) -> dict[str, str]:
    """Return *env* sorted, without what changes from run to run and decides nothing."""
    return {name: value for name, value in sorted(env.items()) if name not in VOLATILE}


def key_differences(wanted: SnapshotKey, kept: SnapshotKey) -> tuple[str, ...]:
    """Return, in words, each field of *kept* that is not what is *wanted*; empty when all are equal."""
    found = [
        f"build: {text.replace('in the bundle', 'in the cache')}" for text in mismatches(wanted.identity, kept.identity)
    ]
    if wanted.generator_sha256 != kept.generator_sha256:
        found.append(f"generator: {kept.generator_sha256[:12]} in the cache, {wanted.generator_sha256[:12]} here")
    if wanted.workdir != kept.workdir:
        found.append(f"working directory: {kept.workdir} in the cache, {wanted.workdir} here")
    names = sorted(wanted.env.keys() | kept.env.keys())
    found += [
        f"variable {name}: {_shown(kept.env.get(name))} in the cache, {_shown(wanted.env.get(name))} here"
        for name in names
        if wanted.env.get(name) != kept.env.get(name)
    ]
    return tuple(found)


def _shown(value: str | None) -> str:
    if value is None:
        return "unset"
    return repr(value if len(value) <= 60 else f"{value[:60]}…")
