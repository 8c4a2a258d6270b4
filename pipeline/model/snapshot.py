"""The snapshot step on disk: what the stub's helper is told, and what it leaves behind.

Both are JSON files in the *steps directory* of one target and profile: ``step.json`` is written before Cargo
starts; ``<package>-<version>.result.json`` after each run of a generator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from pipeline.model.bundle import Identity
from pipeline.model.ssh import SshHost

SCHEMA = 1
STEP_FILE_NAME = "step.json"
ORIGIN_FILE_NAME = "origin"
RECORDED_EXIT_CODE = 86
"""Exit status of a stub that wrote its request down and has no snapshot to give."""

StepMode = Literal["live", "record", "replay"]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class GeneratorSetup(_Strict):
    """One lifted package: where its generator is and what is watched for it."""

    package: str
    version: str
    generator: Path
    trigger: Path
    """File whose time changes when any file of the package does (Cargo's default rule for reruns)."""
    sources: tuple[Path, ...] = ()
    """Where it may open files, for executors that have to send them."""

    @property
    def key(self) -> str:
        """Return the name that the package's files in the steps directory begin with."""
        return step_key(self.package, self.version)


class SnapshotCacheSetup(_Strict):
    """The cache of snapshots, and what decides a snapshot beside what Cargo tells the stub."""

    directory: Path
    identity: Identity
    look_up: bool = True
    """False: the generator runs, and what it makes is kept."""


class StepSetup(_Strict):
    """Everything the helper needs that Cargo does not tell the stub."""

    schema_version: int = SCHEMA
    target: str
    executor: str
    """Name of the executor that was chosen by probing."""
    qemu: Path
    qemu_version: str
    sysroot: Path
    tree: Path
    """The overlay: files that appear in it during a run were written outside OUT_DIR."""
    inputs: tuple[Path, ...] = ()
    """Directories that generators read: sources, and what other build scripts made."""
    engine_env: dict[str, str] = {}
    """Where a container engine is (DOCKER_HOST and its companions) and which image is wanted."""
    host: SshHost | None = None
    """For the executor ``ssh``."""
    client_env: dict[str, str] = {}
    """What OpenSSH's client needs to find its keys."""
    packages: tuple[Path, ...] = ()
    """Directories of packages: those that a generator names are sent with it."""
    dropped_env: tuple[str, ...] = ()
    """Variables of this machine's own, which reach neither another machine nor a container."""
    timeout_s: Annotated[float, pydantic.Field(gt=0)]
    generators: tuple[GeneratorSetup, ...]
    mode: StepMode = "live"
    """Run the generator, write down what it is to be run with (unless it was run elsewhere already), or give what it
    made elsewhere."""
    replay_dir: Path | None = None
    """Where the unpacked snapshots of another machine lie."""
    cache: SnapshotCacheSetup | None = None
    """Where snapshots that were made earlier are kept; None: the generator runs in any case."""


class OutputFile(_Strict):
    """One file of OUT_DIR (or, for strays, of the overlay)."""

    path: str
    """Relative, with forward slashes."""
    size_bytes: int
    sha256: str


class StepResult(_Strict):
    """What one run of a generator did."""

    schema_version: int = SCHEMA
    package: str
    version: str
    target: str
    exit_code: int
    timed_out: bool
    duration_s: float
    cpu_s: float
    emulated: bool
    executor: str
    executor_version: str
    cpu_model: str
    generator_sha256: str
    out_dir: Path
    outputs: tuple[OutputFile, ...]
    strays: tuple[OutputFile, ...]
    stdout_tail: str
    stderr_tail: str
    replay: str
    """Shell line that runs the generator again."""
    replayed: bool = False
    """Whether it ran on another machine, for another build."""
    recalled: bool = False
    """Whether it ran earlier, with the same inputs, and what it made was kept."""
    made_in_s: float | None = None
    """How long that run took."""
    repeated: tuple[str, ...] | None = None
    """What is not equal to the outputs of an earlier run with the same inputs; None: there was no such run."""


class StepFailure(_Strict):
    """Why a generator could not be run, as the helper met it; the build raises the same error."""

    error: str
    """Name of its class."""
    what: str
    cause: str
    action: str
    details: str = ""


def step_key(package: str, version: str) -> str:
    """Return the name that a package's files in the steps directory begin with."""
    return f"{package}-{version}"


def lookup_path(steps_dir: Path, package: str, version: str) -> Path:
    """Return where it is written down what the last search for a kept snapshot came to."""
    return steps_dir / f"{step_key(package, version)}.lookup.json"


def request_path(steps_dir: Path, package: str, version: str) -> Path:
    """Return where the request of a package's stub is written down."""
    return steps_dir / f"{step_key(package, version)}.request.json"


def origin_path(steps_dir: Path) -> Path:
    """Return the file that says where snapshots come from; every stub watches it, so that a change reruns it."""
    return steps_dir / ORIGIN_FILE_NAME


def failure_path(steps_dir: Path, package: str, version: str) -> Path:
    """Return where it is written down that a package's generator could not be run."""
    return steps_dir / f"{step_key(package, version)}.failure.json"


def result_path(steps_dir: Path, package: str, version: str) -> Path:
    """Return where the result of a package's generator lies."""
    return steps_dir / f"{step_key(package, version)}.result.json"


def repeat_path(steps_dir: Path, package: str, version: str) -> Path:
    """Return where the inputs of a package's last good run are written down."""
    return steps_dir / f"{step_key(package, version)}.repeat.json"
