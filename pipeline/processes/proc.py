"""The only module that starts processes.

A child gets an environment that was built for it, closed standard input and a process group of its own. It is
quiet when it works; when it fails, everything it said and a line that runs it again are in the error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pipeline.errors import ProcessFailedError
from pipeline.processes.capture import Capture

CAPTURE_LIMIT_BYTES = 64 * 1024 * 1024
"""Output beyond this is dropped from the middle of what is kept; streaming callbacks still see all of it."""
INTERRUPT_GRACE_S = 10.0
TERMINATE_GRACE_S = 5.0

_PASSED_ON = frozenset(
    {
        "HOME", "USER", "LOGNAME", "PATH", "TERM", "TMPDIR", "SHELL", "SOURCE_DATE_EPOCH",
        "http_proxy", "https_proxy", "no_proxy", "all_proxy",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
        "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
        "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    }
)  # fmt: skip
_PASSED_ON_PREFIXES = ("CARGO_HTTP_", "CARGO_NET_", "CARGO_SOURCE_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_")
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of *environ* that any child may see, with a fixed locale and no secrets."""
    passed = {
        name: value
        for name, value in environ.items()
        if (name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES))
        and not any(word in name for word in _SECRET_WORDS)
    }
    return passed | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """A program to start: arguments, whole environment, directory, time limit."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    timeout_s: float | None = None
    stdin: bytes | None = None
    """What it reads from standard input, without secrets; closed by default."""

    def replay_line(self) -> str:
        """Return a shell line that runs the same program with the same environment."""
        assignments = [f"{name}={value}" for name, value in sorted(self.env.items())]
        line = shlex.join(["env", "-i", *assignments, *self.argv])
        return f"cd {shlex.quote(str(self.cwd))} && {line}" if self.cwd else line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completed:
    """How a child ended. *exit_code* is 128 + n when signal n ended it."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    duration_s: float
    cpu_s: float
    """User and system seconds of the child and of the descendants that it waited for."""
    peak_memory_bytes: int
    timed_out: bool = False

    @property
    def text(self) -> str:
        """Return standard output as text."""
        return self.stdout.decode(errors="replace")


LineSink = Callable[[bytes], None]


def find_program(name: str, env: Mapping[str, str]) -> Path | None:
    """Return where *name* lies on the PATH of *env*, None when it does not."""
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    return Path(found) if found else None


def run(command: Command, *, on_stdout: LineSink | None = None, on_stderr: LineSink | None = None) -> Completed:
    """Run *command* to its end; callbacks see each line as it comes, on threads of their own.

    On a timeout, an interrupt or any other exception the whole process group is stopped and reaped.
    Raises ProcessFailedError when the program cannot be started.
    """
    started = time.monotonic()
    with _standard_input(command) as stdin, _spawn(command, stdin) as process:
        out, err = _Collector(process.stdout, on_stdout), _Collector(process.stderr, on_stderr)
        try:
            ending = _wait(process, command.timeout_s)
        except BaseException:
            _stop_group(process)
            raise
        finally:
            out.join()
            err.join()
    return _completed(ending, stdout=out.kept(), stderr=err.kept(), duration_s=time.monotonic() - started)


def _completed(
    ending: tuple[bool, int, tuple[float, int]], *, stdout: bytes, stderr: bytes, duration_s: float
) -> Completed:
    timed_out, status, (cpu_s, peak_memory_bytes) = ending
    return Completed(
        exit_code=status if status >= 0 else 128 - status,
        stdout=stdout,
        stderr=stderr,
        duration_s=duration_s,
        cpu_s=cpu_s,
        peak_memory_bytes=peak_memory_bytes,
        timed_out=timed_out,
    )


def check(command: Command, *, on_stdout: LineSink | None = None) -> Completed:
    """Run *command* and raise ProcessFailedError, with all it said, unless it exits with 0."""
    completed = run(command, on_stdout=on_stdout)
    if completed.exit_code != 0 or completed.timed_out:
        raise failure(command, completed)
    return completed


def pipe(producer: Command, consumer: Command) -> None:
    """Run two programs with the first one's output as the second one's input, without a shell between.

    Raises ProcessFailedError, with what both of them said, when either fails.
    """
    started = time.monotonic()
    with _spawn(producer) as first, _spawn(consumer, stdin=first.stdout) as second:
        if first.stdout:
            first.stdout.close()  # the consumer holds the pipe now; its death must reach the producer
        said = [_Collector(process.stderr, None) for process in (first, second)]
        silenced = _Collector(second.stdout, None)
        try:
            endings = [_wait(first, producer.timeout_s), _wait(second, consumer.timeout_s)]
        except BaseException:
            _stop_group(first)
            _stop_group(second)
            raise
        finally:
            for collector in (*said, silenced):
                collector.join()
    stderr = b"".join(collector.kept() for collector in said)
    duration_s = time.monotonic() - started
    for command, ending in zip((producer, consumer), endings, strict=True):
        completed = _completed(ending, stdout=b"", stderr=stderr, duration_s=duration_s)
        if completed.exit_code != 0 or completed.timed_out:
            raise failure(command, completed)


def failure(command: Command, completed: Completed) -> ProcessFailedError:
    """Return the error that describes how *command* failed."""
    name = Path(command.argv[0]).name
    ending = (
        f"did not end within {command.timeout_s:g} s"
        if completed.timed_out
        else f"ended with {describe_exit(completed.exit_code)}"
    )
    said = (completed.stderr or completed.stdout).decode(errors="replace")
    return ProcessFailedError(
        f"{name} {ending}",
        cause="see what it printed, above",
        action=f"run it again by hand:\n{command.replay_line()}",
        details=said,
    )


def describe_exit(exit_code: int) -> str:
    """Return an exit status in words: a signal's name for those that signals made."""
    if exit_code > 128:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(exit_code - 128).name}"
    return f"exit status {exit_code}"


@contextlib.contextmanager
def _standard_input(command: Command) -> Iterator[IO[bytes] | None]:
    if command.stdin is None:
        yield None
        return
    with tempfile.TemporaryFile() as stream:
        stream.write(command.stdin)
        stream.seek(0)
        yield stream


@contextlib.contextmanager
def _spawn(command: Command, stdin: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            command.argv,
            env=dict(command.env),
            cwd=command.cwd,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessFailedError(
            f"cannot start {command.argv[0]}: {error.strerror}",
            cause="the program is missing, not executable, or made for another machine",
            action="run `python -m pipeline doctor`, which names missing programs",
        ) from error
    try:
        yield process
    except BaseException:
        # A signal may come before the caller waits; what still writes to the pipes would block their closing.
        _stop_group(process)
        raise
    finally:
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def _wait(process: subprocess.Popen[bytes], timeout_s: float | None) -> tuple[bool, int, tuple[float, int]]:
    """Reap *process*; return whether it timed out, its return code, and CPU seconds and peak memory."""
    timer = threading.Timer(timeout_s, signal_group, (process.pid, signal.SIGKILL)) if timeout_s else None
    started = time.monotonic()
    if timer:
        timer.daemon = True
        timer.start()
    try:
        _pid, status, usage = os.wait4(process.pid, 0)
    finally:
        if timer:
            timer.cancel()
    timed_out = timeout_s is not None and time.monotonic() - started >= timeout_s
    # Descendants would keep the pipes open. First: whoever is interrupted here takes a return code for a group's end.
    signal_group(process.pid, signal.SIGKILL)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    return timed_out and code < 0, code, (usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def signal_group(group_id: int, number: signal.Signals) -> None:
    """Send a signal to all of a process group, if there is one that is ours."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group_id, number)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Interrupt, then terminate, then kill the group of *process*, and reap it."""
    if process.returncode is not None:
        return
    steps = ((signal.SIGINT, INTERRUPT_GRACE_S), (signal.SIGTERM, TERMINATE_GRACE_S), (signal.SIGKILL, 60.0))
    for number, grace_s in steps:
        signal_group(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
            break
    signal_group(process.pid, signal.SIGKILL)


class _Collector:
    """Reads a pipe to its end on a thread, keeping the first and the last part of what comes."""

    def __init__(self, stream: IO[bytes] | None, sink: LineSink | None) -> None:
        self._stream = stream
        self._sink = sink
        self._capture = Capture(CAPTURE_LIMIT_BYTES)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def kept(self) -> bytes:
        return self._capture.value()

    def _read(self) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(ValueError, OSError):
            for line in self._stream:
                self._capture.add(line)
                if self._sink:
                    self._sink(line)
