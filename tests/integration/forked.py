"""The command line in processes that are forked from one that has read its modules: reading them takes 0.8 s of CPU.

Each run has its own process, environment, directory and files, as in ``command.py``, whose ``Cli`` it stands in for
where there are many short runs. ``python -m tests.integration.forked`` is the process that forks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from .command import ROOT, Cli, Ended

_MODULE = "tests.integration.forked"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForkedCli(Cli):
    """The command line, started by a process that is there already."""

    server: subprocess.Popen[str]

    def run(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT, timeout_s: float = 600
    ) -> Ended:
        with tempfile.TemporaryDirectory() as name:
            out, err = Path(name, "out"), Path(name, "err")
            self.begin(*arguments, env=env, cwd=cwd, out=out, err=err)
            code = self.end(timeout_s)
            return Ended(exit_code=code, stdout=out.read_text(), stderr=err.read_text())

    def begin(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT,
        out: Path = Path(os.devnull), err: Path = Path(os.devnull),
    ) -> int:  # fmt: skip
        """Start a run and return its process id; end() must follow."""
        words = self.argv(*arguments)[3:]
        asked = {"words": words, "env": self.environ(env), "cwd": str(cwd), "out": str(out), "err": str(err)}
        return self._ask(json.dumps(asked))

    def end(self, timeout_s: float) -> int:
        """Wait for the end and return the exit code, negative for a signal's number."""
        return self._ask(json.dumps(timeout_s))

    def _ask(self, line: str) -> int:
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(f"{line}\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())


@contextlib.contextmanager
def forking(cli: Cli) -> Iterator[ForkedCli]:
    """Start the process that forks, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", _MODULE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield ForkedCli(cache_dir=cli.cache_dir, server=server)
        assert server.stdin
        server.stdin.close()


def _serve() -> None:
    import pipeline.cli.image  # noqa: PLC0415 - what all of this is for
    import pipeline.cli.verify  # noqa: F401, PLC0415

    pid = 0
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, dict):
            pid = os.fork()
            if not pid:
                _run(**asked)
            answer = pid
        else:
            answer = _ended(pid, asked)
        print(answer, flush=True)  # noqa: T201


def _ended(pid: int, timeout_s: float) -> int:
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    _pid, status = os.waitpid(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status)


def _run(words: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> None:
    from pipeline.cli.main import main  # noqa: PLC0415

    code = 70
    try:
        for descriptor, name in enumerate((os.devnull, out, err)):
            opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(opened, descriptor)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - nothing may go on as the process that forks
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
