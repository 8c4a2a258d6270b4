"""Runs programs of the target on another machine, with OpenSSH's client; the other side needs a shell and tar.

One connection a run: the program and its root go over as a tar file on standard input, what it made comes back as
another one on standard output. A private directory there holds everything, and is removed in the end, come what may.
``data/run-ssh.sh`` is what runs there.
"""

from __future__ import annotations

import dataclasses
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import fs, roots
from pipeline.elf.probe import PROBE_EXIT_CODE, probe_program
from pipeline.errors import ArchiveError, DiskFullError, ExecutorUnavailableError, StrayOutputError
from pipeline.executors import jobs
from pipeline.executors.local import require_program
from pipeline.executors.rooted import LINK_CAUSE, cannot_run, collect, job_of, made_too_much, write_job
from pipeline.model.bundle import JOB_FILE_NAME, JOB_RUNNER_NAME, ROOT_DIR_NAME
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.ssh import SshHost, client_environment
from pipeline.model.target import Target
from pipeline.packing import tarball
from pipeline.processes import proc

CONNECT_TIMEOUT_S = 20
TRANSFER_TIMEOUT_S = 900.0
"""For everything but the program itself."""
REPLY_LIMIT_BYTES = tarball.TarLimits().total_bytes
_MARK = "@snapstitch "
_REMOTE_NAME = "remote.sh"
# The first thing that runs there, in whatever shell the user has: nothing but words, quotes and semicolons. It stays
# until the end, since it is the one that tidies up.
_FIRST = (
    'exec sh -c \'umask 077; d=$(mktemp -d "${TMPDIR:-/tmp}/snapstitch.XXXXXXXX") || exit 71;'
    ' trap "cd /; rm -rf \\"\\$d\\"" EXIT; trap "exit 129" HUP INT TERM PIPE;'
    ' echo "@snapstitch connected" >&2; cd "$d" && tar -xf - && test -f complete || exit 72;'
    " sh ./remote.sh'"
)
_STEPS = {
    "": "connecting to {host}",
    "connected": "sending the generator to {host}",
    "received": "running the generator on {host}",
    "ran": "bringing the result back from {host}",
    "done": "taking leave of {host}",
}
"""What was under way when the last mark was seen."""
# Standard input and output of the client are files; a reply beyond the limit ends it.
_WITH_FILES = 'in=$1 out=$2; shift 2; ulimit -f @BLOCKS@; exec "$@" <"$in" >"$out"'
# The same by hand: what the program said, and how it ended.
_REPLAY = (
    'd=$(mktemp -d) && trap "rm -rf \\"$d\\"" EXIT && in=$1 && shift && "$@" <"$in" >"$d/reply" && cd "$d" &&'
    ' tar -xf reply && cat stdout && cat stderr >&2 && exit "$(sed "s/[^0-9]*\\([0-9]*\\).*/\\1/" result.json)"'
)
_TOO_LARGE = 128 + signal.SIGXFSZ
_FULL = ("No space left on device", "Disk quota exceeded")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SshExecutor:
    """Sends each program, with its root, to a host, and brings back what it left in OUT_DIR."""

    host: SshHost
    environ: Mapping[str, str]
    """The caller's environment: the client gets what it needs to find its keys, the other side nothing of it."""
    sysroot: Path | None = None
    """Where the loader and the libraries of programs lie that have no root of their own yet."""
    keep_dir: Path | None = None
    """Where what was sent last for each program stays, so that a run can be replayed by hand."""

    @property
    def identity(self) -> ExecutorIdentity:
        """Return who this is; the host tells version and, where nothing is emulated, CPU model."""
        emulated = bool(self.host.emulator)
        return ExecutorIdentity(name="ssh", version="", cpu_model=self.host.emulated_cpu, emulated=emulated)

    def probe(self, target: Target) -> Availability:
        """Run a tiny program of *target* on the host."""
        with tempfile.TemporaryDirectory(prefix="snapstitch-ssh-") as name:
            members = [tarball.TarMember(name="probe", content=probe_program(target), mode=0o755)]
            words = " ".join(map(_quoted, self.host.emulator)).replace("@ROOT@", "/")
            script = jobs.script("probe-ssh.sh").replace("@EMULATOR@", words)
            try:
                said = self._talk(Path(name), members, script, timeout_s=TRANSFER_TIMEOUT_S)
            except (ExecutorUnavailableError, DiskFullError) as error:
                return Availability(available=False, reason=f"ssh: {error.what}{_last_words(error.details)}")
        if f"exit {PROBE_EXIT_CODE}" in said.marks:
            return Availability(available=True, reason=f"ssh: a tiny {target.name} program ran on {self.host.address}")
        reason = f"ssh: a tiny {target.name} program did not run on {self.host.address}{_last_words(said.words)}"
        return Availability(available=False, reason=reason)

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request on the host.

        Raises ExecutorUnavailableError with the step at which the connection was lost, or with the reasons why no
        program of the target can be run there; DiskFullError when the host has no room; PackageError for a library
        that the sysroot lacks; StrayOutputError for links in OUT_DIR; GeneratorFailedError for too much in it.
        """
        require_program(request, "ssh")
        with tempfile.TemporaryDirectory(prefix="snapstitch-ssh-") as name:
            directory = Path(name).resolve()
            write_job(job_of(request), directory)
            members = [*self._root(request), *(_file(directory, item) for item in (JOB_FILE_NAME, JOB_RUNNER_NAME))]
            script = jobs.script("run-ssh.sh").replace("@EMULATOR@", " ".join(map(_quoted, self.host.emulator)))
            said = self._talk(directory, members, script, timeout_s=request.timeout_s + TRANSFER_TIMEOUT_S)
            if f"exit {jobs.CANNOT_RUN_EXIT_CODE}" in said.marks:
                raise cannot_run(f"ssh ({self.host.address})", request, said.words.encode())
            if f"exit {jobs.TOO_LARGE_EXIT_CODE}" in said.marks:
                raise made_too_much()
            reply = directory / "reply"
            reply.mkdir()
            self._unpack(directory / "reply.tar", reply)
            return collect(reply, request, self.identity, self._replay_line(request, directory / "load.tar"))

    def _root(self, request: ExecRequest) -> Iterator[tarball.TarMember]:
        """Yield the root as members of a tar file: the request's own, or one made for its program."""
        if request.root is not None:
            yield from _members_below(request.root)
            return
        sysroot = self.sysroot or Path("/")
        program = Path(request.argv[0])
        libraries = roots.library_closure(
            [program],
            roots.usual_library_dirs(sysroot, request.target),
            own=roots.libraries_in(request.inputs),
        )
        # What the program leaves in OUT_DIR is all that it finds there.
        sent = {*request.inputs, request.workdir, *request.outputs} - {program, Path(request.env.get("OUT_DIR", "/"))}
        root = roots.Root(
            target=request.target,
            programs=(program,),
            sysroot=sysroot,
            libraries=libraries,
            directories=(request.workdir, *request.outputs),
            sources=tuple(map(Path, roots.outermost(map(str, sent)))),
        )
        yield from {member.name: member for member in roots.root_members(root)}.values()

    def _replay_line(self, request: ExecRequest, load: Path) -> str:
        if self.keep_dir is None:
            return ""
        fs.make_directory(self.keep_dir)
        kept = load.replace(self.keep_dir / f"{Path(request.argv[0]).name}.sent.tar")
        words = ("/bin/sh", "-c", _REPLAY, "sh", str(kept), *self._client())
        return proc.Command(argv=words, env=client_environment(self.environ)).replay_line()

    def _unpack(self, archive: Path, directory: Path) -> None:
        try:
            tarball.extract_tar(archive, directory)
        except ArchiveError as error:
            raise self._lost("ran", error.what) from error

    def _talk(self, directory: Path, members: list[tarball.TarMember], script: str, *, timeout_s: float) -> _Said:
        """Send *members* and *script*, let the host run it, and keep what it sends back in ``reply.tar``."""
        load = directory / "load.tar"
        last = tarball.TarMember(name="complete", content=b"")
        tarball.write_tar(load, [*members, tarball.TarMember(name=_REMOTE_NAME, content=script.encode()), last])
        redirected = _WITH_FILES.replace("@BLOCKS@", str(REPLY_LIMIT_BYTES // 512))
        files = (str(load), str(directory / "reply.tar"))
        command = proc.Command(
            argv=("/bin/sh", "-c", redirected, "sh", *files, *self._client()),
            env=client_environment(self.environ),
            timeout_s=timeout_s,
        )
        completed = proc.run(command)
        said = _read(completed.stderr)
        if completed.timed_out:
            raise self._lost(said.stage, f"no answer within {timeout_s:.0f} s")
        if completed.exit_code != 0 or said.stage not in {"done", "received"}:
            raise self._failure(said, completed.exit_code)
        return said

    def _client(self) -> tuple[str, ...]:
        options = {
            "BatchMode": "yes", "StrictHostKeyChecking": "yes", "ConnectTimeout": CONNECT_TIMEOUT_S,
            "ServerAliveInterval": 10, "ServerAliveCountMax": 3, "ClearAllForwardings": "yes", "ForwardAgent": "no",
            "ForwardX11": "no", "PermitLocalCommand": "no", "LogLevel": "ERROR",
        }  # fmt: skip
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        config = ("-F", str(self.host.config)) if self.host.config else ()
        port = ("-p", str(self.host.port)) if self.host.port else ()
        return ("ssh", "-T", *config, *given, *port, "--", self.host.address, _FIRST)

    def _failure(self, said: _Said, exit_code: int) -> ExecutorUnavailableError | DiskFullError | StrayOutputError:
        odd = next((mark.removeprefix("odd ") for mark in said.marks if mark.startswith("odd ")), None)
        if odd is not None:
            return StrayOutputError(f"the generator left what is no file in OUT_DIR: {odd}", **LINK_CAUSE)
        if any(words in said.words for words in _FULL):
            return DiskFullError(
                f"no space left on {self.host.address}",
                cause="the generator with its libraries and sources takes some 100 MB in TMPDIR there",
                action="free some space there, or set TMPDIR for the user, and run the same command again",
                details=said.words,
            )
        why = f"more than {REPLY_LIMIT_BYTES} bytes" if exit_code == _TOO_LARGE else f"exit status {exit_code}"
        return self._lost(said.stage, why, said.words)

    def _lost(self, stage: str, why: str, words: str = "") -> ExecutorUnavailableError:
        step = _STEPS[stage].format(host=self.host.address)
        return ExecutorUnavailableError(
            f"{step} failed: {why}",
            cause="the connection was cut, the host is not reachable, or ssh, which asks nothing, lacks a key",
            action=f"see that `ssh {self.host.address} true` works, and run the same command again",
            details=words,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Said:
    """What the client and the host said on standard error."""

    marks: tuple[str, ...]
    words: str

    @property
    def stage(self) -> str:
        """Return the last step that was reached."""
        return next((mark for mark in reversed(self.marks) if mark in _STEPS), "")


def _read(stderr: bytes) -> _Said:
    lines = stderr.decode(errors="replace").splitlines()
    marks = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    words = "".join(f"{line}\n" for line in lines if not line.startswith(_MARK))
    return _Said(marks=tuple(marks), words=words)


def _last_words(words: str) -> str:
    """Return the last line of what was said, in brackets: that is where programs give their reason."""
    lines = words.strip().splitlines()
    return f" ({lines[-1].strip()})" if lines else ""


def _members_below(root: Path) -> Iterator[tarball.TarMember]:
    for path in sorted(root.rglob("*")):
        name = f"{ROOT_DIR_NAME}/{path.relative_to(root).as_posix()}"
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        yield tarball.TarMember(name=name, content=None if path.is_dir() else path, mode=mode)


def _file(directory: Path, name: str) -> tarball.TarMember:
    return tarball.TarMember(name=name, content=directory / name)


def _quoted(word: str) -> str:
    escaped = word.replace("'", "'\\''")
    return f"'{escaped}'"
