"""What the command line hands to the orchestrator, and what it gets back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from pipeline.model.events import Where
from pipeline.model.findings import Finding
from pipeline.model.spec.tables import RuntimeSpec
from pipeline.model.ssh import SshHost
from pipeline.model.target import Target

ToolchainMode = Literal["auto", "host", "private", "docker"]
ExecutorChoice = Literal["auto", "native", "qemu", "docker", "ssh"]
LocalExecutorChoice = Literal["auto", "native", "qemu", "docker"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetRequest:
    """One target that is wanted, with what ``releases.toml`` decides about it."""

    target: Target
    suite: str | None = None
    """Release of the distribution for the sysroot; None: this machine's own."""
    glibc: str | None = None
    """Newest glibc that the product may need, such as ``2.36``; None: whatever it needs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """One runtime, for one or more targets. Paths are absolute."""

    name: str | None
    """Begins the names of what is built; None: the name of the package that turns out to be built."""
    runtime: RuntimeSpec
    workspace_dir: Path | None
    """The untouched Cargo workspace (or any directory in it that holds a manifest); None: it is fetched first."""
    targets: tuple[TargetRequest, ...]
    out_dir: Path
    toolchain: ToolchainMode = "auto"
    executor: ExecutorChoice = "auto"
    patches_dir: Path | None = None
    """Directory with the patches for this runtime, which need not exist; None: none are wanted."""
    host: SshHost | None = None
    """For the executor ``ssh``."""
    include: tuple[Path, ...] = ()
    """Directories that generators read besides their own, where they have to be sent to another machine."""
    fresh_snapshot: bool = False
    """Run every generator, whatever was made earlier."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTiming:
    """A step that was done."""

    title: str
    where: Where
    duration_s: float
    cpu_s: float | None = None
    """User and system seconds of the step's processes, where they were measured."""
    peak_memory_bytes: int | None = None
    """Of the step's largest process, where it was measured."""
    detail: str = ""
    """In a few words, what the step found or made."""
    compiled_host_units: int = 0
    """Libraries, programs and build scripts that the step compiled for this machine."""
    compiled_target_units: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProducedFile:
    """A file in the output directory."""

    path: Path
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOutcome:
    """What a build for one target made, and what the checks say about it."""

    runtime: str
    """What was built; a companion's is that of the runtime beside which it was."""
    name: str
    version: str
    target: Target
    zip_path: Path
    record_path: Path
    steps: tuple[StepTiming, ...]
    files: tuple[ProducedFile, ...]
    """What lies in the output directory, the zip first."""
    findings: tuple[Finding, ...]
    emulated_cpu_s: float = 0.0
    """CPU seconds spent under emulation to make snapshots; checks are apart."""
