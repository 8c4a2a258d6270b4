"""Runs programs that have a root of their own, on this machine: the job runner of bundles, started here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pipeline import fs
from pipeline.elf.reader import read_elf
from pipeline.errors import DiskFullError, ExecutorUnavailableError, GeneratorFailedError, StrayOutputError
from pipeline.executors import jobs
from pipeline.model.bundle import JOB_FILE_NAME, JOB_RUNNER_NAME, OUT_DIR_NAME
from pipeline.model.execution import ExecRequest, ExecResult, ExecutorIdentity
from pipeline.processes import proc

PREPARATION_S = 120.0
"""For what the runner does before and after the program itself."""
LINK_CAUSE = {
    "cause": "what a link leads to does not travel between machines",
    "action": "let the build script write a copy instead",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run_rooted(request: ExecRequest, identity: ExecutorIdentity, emulator: tuple[str, ...] = ()) -> ExecResult:
    """Run *request*, whose root must be set, behind *emulator* (``@ROOT@`` in it becomes the root).

    Raises ExecutorUnavailableError, with a reason for each way that was tried, when no program of the target can be
    run; DiskFullError; GeneratorFailedError for an OUT_DIR beyond all measure; ArchiveError when the run was cut off.
    """
    with tempfile.TemporaryDirectory(prefix="snapstitch-job-") as name:
        job_dir = Path(name).resolve()
        write_job(job_of(request), job_dir)
        command = proc.Command(
            argv=("/bin/sh", str(job_dir / JOB_RUNNER_NAME), str(request.root), str(job_dir), *emulator),
            env={"PATH": _PATH, "LC_ALL": "C"},
            timeout_s=request.timeout_s + PREPARATION_S,
        )
        completed = proc.run(command)
        if completed.exit_code == jobs.CANNOT_RUN_EXIT_CODE or completed.timed_out:
            raise cannot_run(identity.name, request, completed.stderr)
        if completed.exit_code == jobs.DISK_FULL_EXIT_CODE:
            raise DiskFullError(
                f"no space left in {job_dir.parent}",
                cause="what the generator makes does not fit there",
                action="free some space there, or set TMPDIR to a directory on another disk",
                details=completed.stderr.decode(errors="replace"),
            )
        if completed.exit_code == jobs.TOO_LARGE_EXIT_CODE:
            raise made_too_much()
        return collect(job_dir, request, identity, command.replay_line())


def job_of(request: ExecRequest) -> jobs.Job:
    """Return what the job runner is told about *request*."""
    own = request.root is not None
    out_dir = request.env.get("OUT_DIR", "")
    writable = () if own else (request.workdir, *request.outputs)
    return jobs.Job(
        target=request.target,
        program=request.argv[0],
        arguments=request.argv[1:],
        env=request.env,
        workdir=str(request.workdir),
        out_dir=out_dir,
        source_dirs=tuple(map(str, request.inputs if own else {*request.inputs, *writable})),
        timeout_s=request.timeout_s,
        dynamic=own or read_elf(Path(request.argv[0])).interpreter is not None,
        kept_dirs=tuple(str(path) for path in writable if str(path) != out_dir),
    )


def write_job(job: jobs.Job, directory: Path) -> None:
    """Write what the job runner is told, and the runner itself, into *directory*."""
    fs.write_text(directory / JOB_FILE_NAME, jobs.job_script(job))
    fs.write_text(directory / JOB_RUNNER_NAME, jobs.script(JOB_RUNNER_NAME))


def collect(job_dir: Path, request: ExecRequest, identity: ExecutorIdentity, replay: str) -> ExecResult:
    """Move what the program left to where the request wants it, and return what came of the run.

    Raises ArchiveError when the record of the run cannot be read, StrayOutputError for links in OUT_DIR.
    """
    outcome = jobs.read_outcome(job_dir)
    out_dir = job_dir / OUT_DIR_NAME
    link = next((path for path in sorted(out_dir.rglob("*")) if path.is_symlink()), None)
    if link is not None:
        raise StrayOutputError(f"the generator left a link in OUT_DIR: {link.relative_to(out_dir)}", **LINK_CAUSE)
    if "OUT_DIR" in request.env:
        shutil.copytree(out_dir, request.outputs[0], dirs_exist_ok=True)
    for directory in job_of(request).kept_dirs:
        kept = job_dir / "kept" / directory.lstrip("/")
        if kept.is_dir():
            shutil.copytree(kept, directory, dirs_exist_ok=True)
    return ExecResult(
        exit_code=outcome.exit_code,
        timed_out=outcome.timed_out,
        duration_s=outcome.duration_s,
        cpu_s=outcome.cpu_s,
        stdout=(job_dir / "stdout").read_bytes(),
        stderr=(job_dir / "stderr").read_bytes(),
        executor=ExecutorIdentity(
            name=identity.name,
            version=identity.version or outcome.system,
            cpu_model=identity.cpu_model or outcome.cpu_model,
            emulated=identity.emulated,
        ),
        replay=replay,
        out_dir=outcome.out_dir if "OUT_DIR" in request.env else None,
        way=outcome.way,
    )


def cannot_run(name: str, request: ExecRequest, said: bytes) -> ExecutorUnavailableError:
    """Return the error for a place where no program of the target can be run; *said* are its reasons."""
    return ExecutorUnavailableError(
        f"the {name} executor cannot run {request.target.name} programs there",
        cause="another CPU, or neither namespaces nor Docker are to be had; see the reasons above",
        action="choose a machine with that CPU, or name an emulator: see docs/handoff.md",
        details=said.decode(errors="replace"),
    )


def require_modest(out_dir: Path) -> None:
    """Raise GeneratorFailedError when more than may travel lies in *out_dir*; a file with holes counts as a whole."""
    size_bytes = sum(path.lstat().st_size for path in out_dir.rglob("*") if path.is_file())
    if size_bytes > jobs.OUT_DIR_LIMIT_BYTES:
        raise made_too_much()


def made_too_much() -> GeneratorFailedError:
    """Return the error for a program that leaves more in OUT_DIR than may travel."""
    return GeneratorFailedError(
        f"the generator made more than {jobs.OUT_DIR_LIMIT_BYTES / 1024**3:g} GiB in OUT_DIR",
        cause="it writes without end, or puts more than snapshots there",
        action="let the build script write less there; what it made was thrown away",
    )
