"""What Cargo's failures mean, told by its own words."""

from __future__ import annotations

import re

from pipeline.errors import CompileError, LockChangedError, NetworkError, PipelineError, WorkspaceError
from pipeline.lifting.noise import without_override_warnings
from pipeline.model.cargo import Goal
from pipeline.processes import proc
from pipeline.processes.memory import Need, killed_error, shows_shortage

_CHATTER = re.compile(r"^\s*(Compiling|Fresh|Finished|Downloaded|Downloading|Blocking|Updating|Locking) ")


def reading_error(command: proc.Command, completed: proc.Completed) -> PipelineError:
    """Return the error for a call that was to tell something about the workspace."""
    words = completed.stderr.decode(errors="replace")
    common = _common_error(words)
    return common or WorkspaceError(
        "Cargo cannot read the workspace",
        cause="see what Cargo says, above",
        action=f"correct the manifest, and try by hand:\n{command.replay_line()}",
        details=words,
    )


def _common_error(words: str) -> PipelineError | None:
    """Return the error for what may happen to any call, told by Cargo's own words."""
    if "--locked was passed" in words:
        return LockChangedError(
            "Cargo.lock does not fit the manifests any more",
            cause="a manifest was edited and the lock file was not updated",
            action="run `cargo update --workspace` in the workspace, look at the change, and try again",
            details=words,
        )
    marks = (
        "--offline was specified",
        "offline mode",
        "Could not resolve host",
        "failed to download",
        "spurious network error",
    )
    if any(mark in words for mark in marks):
        return NetworkError(
            "Cargo needs packages that are not here",
            cause="no network, or --offline with packages that were never fetched",
            action="run the same command once with a network; packages are kept for the next time",
            details=words,
        )
    return None


def build_error(
    command: proc.Command, goal: Goal, completed: proc.Completed, *, memory: Need, jobs: int | None
) -> PipelineError:
    """Return the error for a call that was to build something, with *jobs* at once (None: one a core)."""
    words = completed.stderr.decode(errors="replace")
    evidence = "\n".join(line for line in without_override_warnings(words.splitlines()) if not _CHATTER.match(line))
    if shows_shortage(words, completed.exit_code):
        return killed_error(memory, jobs=jobs, details=evidence)
    return _common_error(words) or CompileError(
        f"cargo build of {', '.join(goal.bins)} ended with {proc.describe_exit(completed.exit_code)}",
        cause="see what Cargo and the compilers say, above",
        action=f"the tree is kept; the same again by hand:\n{command.replay_line()}",
        details=evidence,
    )
