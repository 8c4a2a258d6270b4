"""Runs programs of the target on another machine, with OpenSSH's client; the other side needs a shell and tar.

One connection a run: the program and its root go over as a tar file on standard input, what it made comes back as
another one on standard output. A private directory there holds everything, and is removed in the end, come what may.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import jobs, proc, tarball
from pipeline.elf.probe import PROBE_EXIT_CODE, probe_program
from pipeline.errors import ArchiveError, DiskFullError, ExecutorUnavailableError, UsageError
from pipeline.executors.rooted import cannot_run, collect, write_job
from pipeline.model.bundle import JOB_FILE_NAME, JOB_RUNNER_NAME, ROOT_DIR_NAME
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target

CONNECT_TIMEOUT_S = 20
TRANSFER_TIMEOUT_S = 900.0
"""For everything but the program itself."""
_MARK = "@snapstitch "
_REMOTE_NAME = "remote.sh"
_ADDRESS = re.compile(
    r"(?P<host>(?:[^@\s-][^@\s]*@)?(?:\[[0-9A-Za-z:.%]+\]|[^:\s@\[\]-][^:\s@\[\]]*))(?::(?P<port>\d{1,5}))?"
)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class SshHost:
    """Where to, and how."""

    address: str
    """``[user@]host``, as the client takes it: names and options of its configuration file apply."""
    port: int | None = None
    config: Path | None = None
    """Another configuration file for the client."""
    emulator: tuple[str, ...] = ()
    """Words before the program, for hosts that have an emulator; ``@ROOT@`` becomes the program's root."""


def parse_address(text: str) -> tuple[str, int | None]:
    """Return address and port that ``[user@]host[:port]`` means.

    Raises UsageError.
    """
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 0 < port < 65536):
        raise UsageError(
            f"{text!r} is not [user@]host[:port]",
            cause="a misspelt host for the ssh executor",
            action="such as --executor ssh:build@arm-box:2222",
        )
    return match["host"].replace("[", "").replace("]", ""), port


@dataclasses.dataclass(frozen=True, kw_only=True)
class SshExecutor:
    """Sends each program, with its root, to a host, and brings back what it left in OUT_DIR."""

    host: SshHost
    environ: Mapping[str, str]
    """The caller's environment: the client gets what it needs to find its keys, the other side nothing of it."""

    @property
    def identity(self) -> ExecutorIdentity:
        """Return who this is; the host tells version and CPU model."""
        emulated = bool(self.host.emulator)
        return ExecutorIdentity(name="ssh", version="", cpu_model="", emulated=emulated)

    def probe(self, target: Target) -> Availability:
        """Run a tiny program of *target* on the host."""
        with tempfile.TemporaryDirectory(prefix="snapstitch-ssh-") as name:
            program = tarball.TarMember(name="probe", content=probe_program(target), mode=0o755)
            words = " ".join(map(_quoted, self.host.emulator)).replace("@ROOT@", "/")
            script = f"chmod 755 probe; {words} ./probe; echo {_MARK}exit $? >&2\n"
            try:
                said = self._talk(Path(name), [program], script, timeout_s=TRANSFER_TIMEOUT_S)
            except ExecutorUnavailableError as error:
                return Availability(available=False, reason=f"ssh: {error.what}")
        if f"exit {PROBE_EXIT_CODE}" in said.marks:
            return Availability(available=True, reason=f"ssh: a tiny {target.name} program ran on {self.host.address}")
        reason = f"ssh: a tiny {target.name} program did not run on {self.host.address}"
        return Availability(available=False, reason=f"{reason} ({said.words.strip()})")

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request, whose root must be set, on the host.

        Raises ExecutorUnavailableError with the step at which the connection was lost, or with the reasons why no
        program of the target can be run there; DiskFullError when the host has no room.
        """
        with tempfile.TemporaryDirectory(prefix="snapstitch-ssh-") as name:
            directory = Path(name).resolve()
            write_job(request, directory)
            members = [*_root(request), *(_file(directory, item) for item in (JOB_FILE_NAME, JOB_RUNNER_NAME))]
            script = _REMOTE.replace("@EMULATOR@", " ".join(map(_quoted, self.host.emulator)))
            said = self._talk(directory, members, script, timeout_s=request.timeout_s + TRANSFER_TIMEOUT_S)
            if f"exit {jobs.CANNOT_RUN_EXIT_CODE}" in said.marks:
                raise cannot_run(f"ssh ({self.host.address})", request, said.words.encode())
            reply = directory / "reply"
            reply.mkdir()
            self._unpack(directory / "reply.tar", reply)
            return collect(reply, request, self.identity, said.replay)

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
        redirected = 'in=$1 out=$2; shift 2; exec "$@" <"$in" >"$out"'
        files = (str(load), str(directory / "reply.tar"))
        command = proc.Command(
            argv=("/bin/sh", "-c", redirected, "sh", *files, *self._client()),
            env=_client_environment(self.environ),
            timeout_s=timeout_s,
        )
        completed = proc.run(command)
        said = _read(completed.stderr, command.replay_line())
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

    def _failure(self, said: _Said, exit_code: int) -> ExecutorUnavailableError | DiskFullError:
        if "No space left on device" in said.words or "Disk quota exceeded" in said.words:
            return DiskFullError(
                f"no space left on {self.host.address}",
                cause="the generator with its libraries and sources takes some 100 MB in TMPDIR there",
                action="free some space there, or set TMPDIR for the user, and run the same command again",
                details=said.words,
            )
        return self._lost(said.stage, f"exit status {exit_code}", said.words)

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
    replay: str

    @property
    def stage(self) -> str:
        """Return the last step that was reached."""
        return next((mark for mark in reversed(self.marks) if mark in _STEPS), "")


def _read(stderr: bytes, replay: str) -> _Said:
    lines = stderr.decode(errors="replace").splitlines()
    marks = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    words = "".join(f"{line}\n" for line in lines if not line.startswith(_MARK))
    return _Said(marks=tuple(marks), words=words, replay=replay)


def _root(request: ExecRequest) -> Iterator[tarball.TarMember]:
    root = request.root
    if root is None:
        raise ExecutorUnavailableError(
            "the ssh executor runs bundles only",
            cause="a build was to run its generators on a host directly",
            action="make a bundle with `generator`, run it with `snapshot --executor ssh:…`, and `stitch` the result",
        )
    for path in sorted(root.rglob("*")):
        name = f"{ROOT_DIR_NAME}/{path.relative_to(root).as_posix()}"
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        yield tarball.TarMember(name=name, content=None if path.is_dir() else path, mode=mode)


def _file(directory: Path, name: str) -> tarball.TarMember:
    return tarball.TarMember(name=name, content=directory / name)


def _client_environment(environ: Mapping[str, str]) -> dict[str, str]:
    wanted = ("HOME", "USER", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "TMPDIR")
    return {name: environ[name] for name in wanted if name in environ} | {"LC_ALL": "C"}


def _quoted(word: str) -> str:
    escaped = word.replace("'", "'\\''")
    return f"'{escaped}'"


# Runs in the private directory. A sign of life every second: when nobody can hear it, the connection is gone, and the
# program with it.
_REMOTE = """\
exec 3>&2
trap 'kill $main $alive 2>/dev/null; exit 129' HUP INT TERM PIPE
echo "@snapstitch received" >&2
mkdir job && mv job.sh job/ || exit 72
sh ./run-job.sh "$PWD/root" "$PWD/job" @EMULATOR@ >/dev/null </dev/null &
main=$!
(
    while sleep 1; do
        (echo "@snapstitch alive" >&3) 2>/dev/null || { kill "$main"; exit; }
    done
) >/dev/null 2>&1 </dev/null &
alive=$!
wait "$main"
code=$?
kill "$alive" 2>/dev/null
echo "@snapstitch exit $code" >&2
[ "$code" = 3 ] && exit 0
[ "$code" = 0 ] || exit 73
echo "@snapstitch ran" >&2
tar -C job -cf - out stdout stderr result.json || exit 74
echo "@snapstitch done" >&2
"""
