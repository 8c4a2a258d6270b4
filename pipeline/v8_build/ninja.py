"""Running GN and ninja: a fixed environment, progress from ninja's own count, errors that show the failed step."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import CompileError, PipelineError
from pipeline.model.events import Progress
from pipeline.model.v8_record import V8Run
from pipeline.processes import proc
from pipeline.processes.memory import Need, killed_error, shows_shortage

GN_TIMEOUT_S = 600.0
_COUNT = re.compile(rb"\[(\d+)/(\d+)\] ")
MEMORY_NEED = Need(what="compiling V8", job_bytes=1_200_000_000)
"""What one step may take; the largest ones (linking mksnapshot, the interpreter's generators) are near it."""
_COMPILER_CACHES = ("sccache", "ccache")
"""In the order in which the crate's ``build.rs`` looks for them."""
Note = Callable[[V8Run], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildDir:
    """A directory that ``gn gen`` fills and ninja works in."""

    path: Path
    source: Path
    """The unpacked crate; only read."""
    gn: Path
    ninja: Path
    python: Path
    """Runs the scripts of V8's build."""
    arguments: tuple[str, ...]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of GN and ninja: no byte code into the crate, the user's settings of compiler caches."""
    caches = {name: value for name, value in environ.items() if name.startswith(("CCACHE_", "SCCACHE_"))}
    return proc.base_environment(environ) | caches | {"PYTHONDONTWRITEBYTECODE": "1"}


def find_compiler_cache(environ: Mapping[str, str]) -> str | None:
    """Return ccache or sccache where there is one, as the crate's ``build.rs`` finds them."""
    for name in _COMPILER_CACHES:
        if given := environ.get(name.upper()):
            return given
        if found := proc.find_program(name, environ):
            return str(found)
    return None


def generate(build: BuildDir, context: Context) -> None:
    """Write ninja's files; those that would stay equal are left alone, so that nothing is compiled again.

    Raises CompileError with GN's words when the arguments or the build files do not fit.
    """
    command = proc.Command(
        argv=(
            str(build.gn),
            f"--root={build.source}",
            f"--script-executable={build.python}",
            "gen",
            str(build.path),
            "--args=" + " ".join(build.arguments),
        ),
        env=environment(context.environ),
        cwd=build.source,
        timeout_s=GN_TIMEOUT_S,
    )
    completed = proc.run(command)
    if completed.exit_code != 0 or completed.timed_out:
        raise CompileError(
            "GN cannot make sense of V8's build files",
            cause="an argument that this version of V8 does not know, or build files that need a newer GN",
            action=f"look at GN's words above; by hand:\n{command.replay_line()}",
            details=completed.text + completed.stderr.decode(errors="replace"),
        )


def compile_target(build: BuildDir, target: str, *, jobs: int, context: Context, note: Note) -> None:
    """Make *target*; what an earlier run finished is not made again. *note* hears of the run, however it ends.

    Raises CompileError that shows the first step that failed, or MemoryShortError. An interrupt stops ninja and what
    it started.
    """
    command = proc.Command(
        argv=(str(build.ninja), "-C", str(build.path), "-j", str(jobs), target), env=environment(context.environ)
    )
    started = time.monotonic()
    with _counted(target, context) as count:
        try:
            completed = proc.run(command, on_stdout=count.line)
        except BaseException:
            duration_s = round(time.monotonic() - started, 3)
            note(V8Run(target=target, steps=count.done, jobs=jobs, duration_s=duration_s, finished=False))
            raise
    note(
        V8Run(
            target=target,
            steps=count.done,
            jobs=jobs,
            duration_s=round(completed.duration_s, 3),
            cpu_s=round(completed.cpu_s, 3),
            peak_memory_bytes=completed.peak_memory_bytes,
            finished=completed.exit_code == 0,
        )
    )
    if completed.exit_code != 0:
        said = completed.text + completed.stderr.decode(errors="replace")
        raise _failed(command, said, jobs, completed.exit_code)


@dataclasses.dataclass(kw_only=True)
class StepCount:
    """Follows ninja's ``[done/total]``."""

    progress: Progress
    context: Context
    done: int = 0
    total: int = 0

    def line(self, line: bytes) -> None:
        """Take one line of ninja's output."""
        match = _COUNT.match(line)
        if match:
            done, total = int(match[1]), int(match[2])
            if total != self.total:
                self.total = total
                self.progress.total(total)
            self.progress.advance(done - self.done)
            self.done = done
        self.context.reporter.output(line.decode(errors="replace").rstrip())


@contextlib.contextmanager
def _counted(target: str, context: Context) -> Iterator[StepCount]:
    with context.reporter.progress(f"compiling {target}", total=1, unit="steps") as progress:
        yield StepCount(progress=progress, context=context)


def _failed(command: proc.Command, said: str, jobs: int, exit_code: int) -> PipelineError:
    at = said.find("FAILED: ")
    details = said[at:] if at >= 0 else said
    if shows_shortage(details, exit_code):
        return killed_error(MEMORY_NEED, jobs=jobs, details=details)
    return CompileError(
        "V8 cannot be compiled",
        cause="see the first failed step, above",
        action=f"run the same command again, it goes on where it stopped; or by hand:\n{command.replay_line()}",
        details=details,
    )
