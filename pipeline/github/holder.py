"""Who holds a lock, and whether they are gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_DEAD_STATES = frozenset({"Z", "X"})

Text = Annotated[str, pydantic.Field(max_length=500)]


class Holder(pydantic.BaseModel):
    """A publisher: a process on a machine, and the workflow run that it belongs to, if any."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    schema_version: Annotated[Literal[1], pydantic.Field(alias="schema")] = 1
    nonce: Text
    """Makes each attempt to take the lock another one."""
    host: Text
    process_id: int
    process_started: Text
    """In clock ticks since the machine started (proc_pid_stat(5)): numbers of processes are used again."""
    boot: Text
    """Identity of the machine since it started, and of the process table: processes elsewhere cannot be seen."""
    run: Text = ""
    """Number of the workflow run."""
    attempt: int = 0
    run_url: Text = ""

    @property
    def shown(self) -> str:
        """Return who that is, in words."""
        process = f"process {self.process_id} on {self.host}"
        return f"{process}, {self.run_url} (attempt {self.attempt})" if self.run else process


def this_process(nonce: str, environ: Mapping[str, str]) -> Holder:
    """Return this process as a holder."""
    run = environ.get("GITHUB_RUN_ID", "")
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    return Holder(
        nonce=nonce,
        host=socket.gethostname(),
        process_id=os.getpid(),
        process_started=_started(os.getpid()) or "",
        boot=_boot(),
        run=run if run.isdigit() else "",
        attempt=int(attempt) if attempt.isdigit() else 0,
        run_url=f"{server}/{repository}/actions/runs/{run}" if run.isdigit() else "",
    )


def why_gone(holder: Holder, us: Holder) -> str | None:
    """Return why *holder* can no longer be at work, None when nobody here can tell.

    Two things are certain: a process of this very machine that is not there any more, and an earlier attempt of our
    own workflow run, since a run is only started again when its last attempt has ended.
    """
    if holder.run and holder.run == us.run and holder.attempt < us.attempt:
        return f"it was attempt {holder.attempt} of this workflow run, which is at attempt {us.attempt}"
    if holder.boot and holder.boot == us.boot and _started(holder.process_id) != holder.process_started:
        return f"process {holder.process_id} of this machine has ended"
    return None


def _boot() -> str:
    try:
        return f"{_BOOT_ID.read_text().strip()} {_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _started(process_id: int) -> str | None:
    """Return when a process began; None when it is not there, or dead and not yet waited for."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in _DEAD_STATES else fields[19]
