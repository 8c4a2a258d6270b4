"""What the executors on this machine share: starting a request behind a prefix, and probing with a tiny program."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.elf.probe import PROBE_EXIT_CODE, probe_program
from pipeline.errors import ExecutorUnavailableError, ProcessFailedError
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target
from pipeline.processes import proc

PROBE_TIMEOUT_S = 20.0


def command_for(prefix: tuple[str, ...], request: ExecRequest) -> proc.Command:
    """Return the process that runs *request* behind *prefix* (an emulator or a loader with its options)."""
    return proc.Command(
        argv=(*prefix, *request.argv), env=request.env, cwd=request.workdir, timeout_s=request.timeout_s
    )


def run_local(prefix: tuple[str, ...], request: ExecRequest, identity: ExecutorIdentity) -> ExecResult:
    """Run *request* on this machine behind *prefix*.

    Raises ExecutorUnavailableError when the program cannot be started.
    """
    require_program(request, identity.name)
    command = command_for(prefix, request)
    try:
        completed = proc.run(command)
    except ProcessFailedError as error:
        raise ExecutorUnavailableError(
            f"the {identity.name} executor cannot start {request.argv[0]}: {error.what}",
            cause="the program or its emulator is missing, or made for another machine",
            action="run `python -m pipeline doctor` to see which executors work here",
        ) from error
    return ExecResult(
        exit_code=completed.exit_code,
        timed_out=completed.timed_out,
        duration_s=completed.duration_s,
        cpu_s=completed.cpu_s,
        stdout=completed.stdout,
        stderr=completed.stderr,
        executor=identity,
        replay=command.replay_line(),
    )


def require_program(request: ExecRequest, executor: str) -> None:
    """Raise ExecutorUnavailableError when there is no program: a loader would make an exit status of it."""
    program = Path(request.argv[0])
    if request.root is not None:
        program = request.root / program.relative_to("/")
    if not program.is_file():
        raise ExecutorUnavailableError(
            f"the {executor} executor cannot start {program}: there is no such file",
            cause="the program was not built, or removed since",
            action="run the build again",
        )


@contextlib.contextmanager
def probe_file(target: Target) -> Iterator[Path]:
    """Yield the tiny program of *target* as an executable file."""
    with tempfile.TemporaryDirectory(prefix="snapstitch-probe-") as directory:
        program = Path(directory) / f"probe-{target.name}"
        program.write_bytes(probe_program(target))
        program.chmod(0o755)
        yield program


def probe_local(prefix: tuple[str, ...], target: Target, name: str) -> Availability:
    """Run the tiny program of *target* behind *prefix* and say what came of it."""
    with probe_file(target) as program:
        request = ExecRequest(
            argv=(str(program),), env={}, workdir=program.parent, target=target, timeout_s=PROBE_TIMEOUT_S
        )
        try:
            completed = proc.run(command_for(prefix, request))
        except ProcessFailedError as error:
            return Availability(available=False, reason=f"{name}: {error.what}")
    if completed.exit_code == PROBE_EXIT_CODE:
        return Availability(available=True, reason=f"{name}: a tiny {target.name} program ran here")
    ending = "did not end" if completed.timed_out else f"ended with {proc.describe_exit(completed.exit_code)}"
    said = completed.stderr.decode(errors="replace").strip()
    return Availability(
        available=False,
        reason=f"{name}: a tiny {target.name} program {ending}" + (f" ({said})" if said else ""),
    )
