"""What is written beside an archive of V8 that was compiled here."""

from __future__ import annotations

import pydantic

from pipeline.model.toolchain import Tool


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class V8Run(_Model):
    """One run of ninja; an interrupted build has several."""

    target: str
    """Ninja's name of what was made."""
    steps: int
    """Steps that were done."""
    jobs: int
    duration_s: float
    cpu_s: float | None = None
    """User and system seconds of all its processes; None when it was interrupted."""
    peak_memory_bytes: int | None = None
    """Of the largest single process."""
    finished: bool


class V8File(_Model):
    """A file of the mirror."""

    name: str
    size_bytes: int
    sha256: str


class V8BuildRecord(_Model):
    """Who compiled an archive, from what, with what."""

    schema_version: int = 1
    crate_version: str
    crate_sha256: str
    """Of the ``.crate`` file, as ``Cargo.lock`` has it."""
    target: str
    rust_triple: str
    features: tuple[str, ...]
    gn_arguments: tuple[str, ...]
    tools: tuple[Tool, ...]
    toolchain_digest: str
    executor: str
    """What ran V8's own programs, with its version."""
    emulated: bool
    runs: tuple[V8Run, ...]
    unpacked_bytes: int
    """Size of the archive before compression."""
    declarations: str = "the crate's own"
    """Where those for Rust come from."""
    files: tuple[V8File, ...]
