"""Starts programs that share our terminal: what the user types goes to them, and what they say is not kept.

Beside ``proc`` the only module that starts processes.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

from pipeline.errors import ProcessFailedError
from pipeline.processes import proc


def run(command: proc.Command) -> int:
    """Run *command* on our own standard streams and return its exit code; 128 + n when signal n ended it.

    On a terminal an interrupt is the program's alone. Whatever else stops us stops it first, gently at the beginning.
    Raises ProcessFailedError when it cannot be started.
    """
    try:
        process = subprocess.Popen(command.argv, env=dict(command.env), cwd=command.cwd)
    except OSError as error:
        raise ProcessFailedError(
            f"cannot start {command.argv[0]}: {error.strerror}",
            cause="the program is missing, or not executable",
            action="run `python -m pipeline doctor`, which names missing programs",
        ) from error
    with _typed_signals_ignored():
        try:
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _typed_signals_ignored() -> Iterator[None]:
    """Leave what is typed to the program: the terminal sends it to both of us."""
    if not sys.stdin.isatty():
        yield
        return
    typed = (signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in typed}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for step, grace_s in ((process.terminate, proc.INTERRUPT_GRACE_S), (process.kill, None)):
        step()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
            return
