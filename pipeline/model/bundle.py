"""What travels between machines: generators with all that they need, and the snapshots that come back.

Both are tar archives with ``request.json`` (who is to run what), ``SHA256SUMS`` (as ``sha256sum -c`` reads it) and one
directory below ``steps/`` for each lifted package. docs/handoff.md shows the layout.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

REQUEST_FILE_NAME = "request.json"
RESULT_FILE_NAME = "result.json"
SUMS_FILE_NAME = "SHA256SUMS"
RUNNER_NAME = "run"
JOB_RUNNER_NAME = "run-job.sh"
JOB_FILE_NAME = "job.sh"
ROOT_DIR_NAME = "root"
STEPS_DIR_NAME = "steps"
OUT_DIR_NAME = "out"
GENERATOR_SUFFIX = ".generator.tar.zst"
SNAPSHOT_SUFFIX = ".snapshot.tar.zst"

Sha256 = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
AbsolutePath = Annotated[str, pydantic.Field(pattern=r"^/[^\x00\n]*$")]
StepName = Annotated[str, pydantic.Field(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.+-]*$")]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Identity(_Strict):
    """All that decides whether a snapshot belongs into a product; nothing that depends on where it is built."""

    target: str
    lock_sha256: Sha256
    features: tuple[str, ...]
    default_features: bool
    profile: str
    settings: tuple[str, ...]
    """Settings of Cargo profiles that the sources lack."""
    vm: tuple[str, ...]
    """Packages of the virtual machine, with their versions."""
    vm_provider_sha256: Sha256
    """Of the description of where the virtual machine comes from."""
    toolchain_digest: str
    """Over the exact packages of tools and sysroot; a V8 of the distribution is one of them."""
    sources_sha256: Sha256
    """Over the local packages that the generators are compiled from."""
    env_sha256: Sha256
    """Over the variables that the runtime's description sets."""
    patches: tuple[Sha256, ...] = ()
    """Digests of the patches that were applied, in their order."""


class RecordedRequest(_Strict):
    """What Cargo gave the stub of one package: with it, its generator is to be run."""

    package: str
    version: str
    env: dict[str, str]
    workdir: AbsolutePath
    out_dir: AbsolutePath


class GeneratorStep(_Strict):
    """One generator of a bundle."""

    name: StepName
    """Of its directory below ``steps/``."""
    program: AbsolutePath
    """Path below the bundle's root."""
    generator_sha256: Sha256
    timeout_s: Annotated[float, pydantic.Field(gt=0)]
    source_dirs: tuple[AbsolutePath, ...]
    """Directories of the build machine whose files the generator may name."""
    request: RecordedRequest


class BundleRequest(_Strict):
    """A whole ``request.json``; a snapshot bundle carries the one that it answers, byte for byte."""

    schema_version: Literal[1] = 1
    identity: Identity
    round: Annotated[int, pydantic.Field(ge=1)] = 1
    """Counts the bundles of one build: a generator that is made on top of another's snapshot is in a later one."""
    steps: Annotated[tuple[GeneratorStep, ...], pydantic.Field(min_length=1)]
    made: tuple[StepName, ...] = ()
    """Steps that earlier rounds made; their snapshots are handed on."""
    pending: tuple[StepName, ...] = ()
    """Generators that can be compiled in the next round only, with the snapshots of this one."""


class StepOutcome(_Strict):
    """``result.json`` of one step: what the run of its generator came to."""

    exit_code: Annotated[int, pydantic.Field(ge=0, le=255)]
    timed_out: bool
    duration_s: Annotated[float, pydantic.Field(ge=0)]
    cpu_s: Annotated[float, pydantic.Field(ge=0)]
    """User and system seconds; 0 where they cannot be known."""
    way: str
    """How the program's root came about: ``emulator``, ``namespaces``, ``in place`` or ``container``."""
    out_dir: AbsolutePath
    """OUT_DIR as the generator saw it."""
    system: str
    """Kernel and its release."""
    cpu_model: str
    executor: str = "run"
    """Who ran it; ``run`` is the bundle's own runner."""
    emulated: bool = False


_REASONS = {
    "target": "another target",
    "lock_sha256": "another Cargo.lock",
    "features": "other features",
    "default_features": "other features",
    "profile": "another Cargo profile",
    "settings": "other settings of the Cargo profile",
    "vm": "another V8",
    "vm_provider_sha256": "a V8 from elsewhere",
    "toolchain_digest": "other tools or another V8 in the sysroot",
    "sources_sha256": "a generator from other sources",
    "env_sha256": "other variables (env)",
    "patches": "other patches",
}
"""What it means that a part is not equal; the first one that is names the reason."""


def mismatches(ours: Identity, theirs: Identity) -> tuple[str, ...]:
    """Return, in words, each part of *theirs* that is not what *ours* has."""
    found = []
    for name, reason in _REASONS.items():
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            found.append(f"{reason} ({name}: {_short(other)} in the bundle, {_short(mine)} here)")
    return tuple(found)


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    text = str(value)
    return text[:12] if len(text) == 64 else text
