"""What it means to run a program of the target: the request, the result, and who can do it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pipeline.model.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecRequest:
    """Everything that a target program may see; nothing else reaches it."""

    argv: tuple[str, ...]
    """Program (absolute path of a target ELF file) and arguments."""
    env: Mapping[str, str]
    """The whole environment, not additions to one."""
    workdir: Path
    inputs: tuple[Path, ...] = ()
    """Files and directories that the program reads, beside its own file."""
    outputs: tuple[Path, ...] = ()
    """Directories that the program writes to."""
    target: Target
    timeout_s: float
    root: Path | None = None
    """What the program has for its root directory: *argv*, *workdir*, *inputs* and OUT_DIR are paths below it then.
    The first of *outputs* stays a directory of this machine: what the program leaves in OUT_DIR ends up there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutorIdentity:
    """Who ran a program: goes into the build record, never into a cache key."""

    name: str
    version: str
    cpu_model: str
    emulated: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecResult:
    """What a program of the target did. *Ran and failed* is a result; *cannot run* is an error."""

    exit_code: int
    """Exit status; 128 + n when signal n ended the program, as shells say it."""
    timed_out: bool
    duration_s: float
    cpu_s: float
    """User and system seconds of the program and its children, emulation included; an executor that can only look
    now and then gives the last that it saw."""
    stdout: bytes
    stderr: bytes
    executor: ExecutorIdentity
    replay: str
    """Shell line that does the same again by hand."""
    out_dir: str | None = None
    """OUT_DIR as the program saw it, where it had a root of its own."""
    way: str = ""
    """How its root came about, where it had one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Availability:
    """Whether an executor works in this very place, and the reason in one sentence."""

    available: bool
    reason: str


class Executor(Protocol):
    """A way to run programs of the target."""

    def probe(self, target: Target) -> Availability:
        """Find out, by running a tiny target program, whether this executor works here."""
        ...

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request to its end or its timeout.

        Raises ExecutorUnavailableError when the program cannot be started at all.
        """
        ...
