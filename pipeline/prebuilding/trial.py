"""Running what was compiled on the target's CPU and C library: an addon in Node, a program by itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pipeline.errors import VerificationError
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.prebuilds.manifest import Prebuild, PrebuildKind
from pipeline.model.target import Target
from pipeline.processes.proc import describe_exit

_TIMEOUT_S = 120.0
# Some packages fall back to JavaScript without a word: what counts is what the loader has mapped.
_LOAD = """\
require(process.argv[1]);
process.report.excludeNetwork = true;
console.log(JSON.stringify(process.report.getReport().sharedObjects));
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """Something compiled, and what runs it."""

    prebuild: Prebuild
    path: Path
    target: Target
    executor: Executor
    workdir: Path
    node: Path | None = None
    """The target's Node, for addons."""


def try_prebuild(trial: Trial) -> float | None:
    """Load the addon, or run the program's probe; return the seconds it took, None where there is nothing to run.

    Raises VerificationError when it does not work, ExecutorUnavailableError when nothing of the target can be run.
    """
    if trial.prebuild.kind is PrebuildKind.NODE_ADDON:
        return _load(trial) if trial.node else None
    return _probe(trial) if trial.prebuild.probe else None


def _load(trial: Trial) -> float:
    result = _run(trial, (str(trial.node), "-e", _LOAD, str(trial.path)), _TIMEOUT_S)
    if result.exit_code != 0 or result.timed_out:
        raise _refused(trial, result, "does not load")
    loaded = json.loads(result.stdout)
    if str(trial.path) not in loaded:
        raise _refused(trial, result, "was loaded, but is not among the libraries of the process")
    return result.duration_s


def _probe(trial: Trial) -> float:
    probe = trial.prebuild.probe
    if probe is None:
        raise AssertionError("only called with a probe")
    result = _run(trial, (str(trial.path), *probe.args), probe.timeout_s)
    if result.timed_out or result.exit_code != probe.exit_code:
        raise _refused(trial, result, f"does not answer its probe with exit status {probe.exit_code}")
    return result.duration_s


def _run(trial: Trial, argv: tuple[str, ...], timeout_s: float) -> ExecResult:
    return trial.executor.run(
        ExecRequest(argv=argv, env={}, workdir=trial.workdir, target=trial.target, timeout_s=timeout_s)
    )


def _refused(trial: Trial, result: ExecResult, what: str) -> VerificationError:
    prebuild = trial.prebuild
    ending = "did not end in time" if result.timed_out else f"ended with {describe_exit(result.exit_code)}"
    libc = f" with {prebuild.libc.value}" if prebuild.libc else ""
    return VerificationError(
        f"{prebuild.path} {what} on {prebuild.platform}-{prebuild.arch}{libc}: it {ending}",
        cause="a function or library that is not there, or code for another CPU; see what it said, above",
        action=f"by hand:\n{result.replay}",
        details=(result.stdout + result.stderr).decode(errors="replace"),
    )
