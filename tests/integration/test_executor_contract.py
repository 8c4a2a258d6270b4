"""One contract, kept by every executor: the same program does the same, wherever it runs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.elf.probe import PROBE_EXIT_CODE
from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.choose import Means, candidates
from pipeline.executors.local import probe_file
from pipeline.model.events import NullReporter
from pipeline.model.execution import ExecRequest, ExecResult, Executor
from pipeline.model.ssh import SshHost, client_environment
from pipeline.model.target import Target, find_target, target_of_machine
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import toolbox

from .command import Cli
from .engine import Engine
from .sshd import Sshd, running_sshd

SOURCE = Path(__file__).parents[1] / "data" / "contract.c"
TIMEOUT_S = 20.0

pytestmark = [pytest.mark.toolbox, pytest.mark.slow]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kit:
    """What an executor is made from for these tests."""

    cli: Cli
    directory: Path
    engine: Callable[[], Engine]
    """Starts an engine when it is asked for the first time."""
    host: Callable[[], Sshd]
    """Starts an SSH server when it is asked for the first time."""

    def toolchain(self, target: Target) -> Toolchain:
        context = Context(cache_dir=self.cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
        return toolbox.run(toolbox.ToolboxInputs(target=target, mode="private"), context)

    def program(self, target: Target) -> Path:
        """Return the program of these tests, compiled for *target*."""
        path = self.directory / f"contract-{target.name}"
        if not path.exists():
            compiler = self.toolchain(target).env[f"CC_{target.env_suffix}"]
            subprocess.run([compiler, "-O1", "-o", str(path), str(SOURCE)], check=True)
        return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """An executor, and the target whose programs it is given."""

    name: str
    executor: Executor
    target: Target
    program: Path
    replay_env: dict[str, str]
    """Variables with which a replay line is typed."""

    def request(self, workdir: Path, *words: str, timeout_s: float = TIMEOUT_S) -> ExecRequest:
        out_dir = workdir.parent / "out dir"
        out_dir.mkdir(exist_ok=True)
        return ExecRequest(
            argv=(str(self.program), *words),
            env={"HOME": "/nowhere", "A": "b 'c' \"d\"", "EMPTY": ""},
            workdir=workdir,
            inputs=(self.program,),
            outputs=(out_dir,),
            target=self.target,
            timeout_s=timeout_s,
        )

    def run(self, workdir: Path, *words: str, timeout_s: float = TIMEOUT_S) -> ExecResult:
        return self.executor.run(self.request(workdir, *words, timeout_s=timeout_s))


def here() -> Target:
    target = target_of_machine(platform.machine())
    assert target is not None
    return target


def elsewhere() -> Target:
    """Return a target that this machine is not."""
    return find_target("arm64" if here().name != "arm64" else "s390x")


def make_place(
    kit: Kit, name: str, target: Target, *, engine: Engine | None = None, host: SshHost | None = None
) -> Place:
    toolchain = kit.toolchain(target)
    means = Means(
        target=target,
        sysroot=toolchain.sysroot,
        qemu=toolchain.qemu,
        qemu_version=toolchain.qemu_version,
        engine_env={"DOCKER_HOST": engine.host} if engine else {},
        host=host,
        client_env=client_environment(os.environ),
        keep_dir=kit.directory / "kept",
    )
    return Place(
        name=name,
        executor=candidates(means)[name],
        target=target,
        program=kit.program(target),
        replay_env=engine.environ() if engine else {"PATH": "/usr/bin:/bin"},
    )


PLACES: dict[str, Callable[[Kit], Place]] = {
    "native": lambda kit: make_place(kit, "native", here()),
    "qemu": lambda kit: make_place(kit, "qemu", elsewhere()),
    "docker": lambda kit: make_place(kit, "docker", here(), engine=kit.engine()),
    "docker with an emulator": lambda kit: make_place(kit, "docker", elsewhere(), engine=kit.engine()),
    "ssh": lambda kit: make_place(kit, "ssh", here(), host=kit.host().address()),
}
"""Every executor; another one adds its row here and keeps the same contract."""


@pytest.fixture(scope="module")
def kit(cli: Cli, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with contextlib.ExitStack() as stack:

        @functools.cache
        def engine() -> Engine:
            running: Engine = request.getfixturevalue("engine")
            return running

        @functools.cache
        def host() -> Sshd:
            return stack.enter_context(running_sshd(cli, tmp_path_factory.mktemp("sshd")))

        yield Kit(cli=cli, directory=tmp_path_factory.mktemp("contract"), engine=engine, host=host)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.root] if "docker" in name else []) for name in PLACES],
)
def place(kit: Kit, request: pytest.FixtureRequest) -> Place:
    name: str = request.param
    return PLACES[name](kit)


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    path = tmp_path / "work dir, with a comma"
    path.mkdir()
    return path


def test_it_is_available(place: Place) -> None:
    availability = place.executor.probe(place.target)
    assert availability.available, availability.reason
    assert f"a tiny {place.target.name} program ran" in availability.reason


@pytest.mark.parametrize("code", [0, 7, 127])
def test_exit_status(place: Place, workdir: Path, code: int) -> None:
    result = place.run(workdir, "exit", str(code))
    assert (result.exit_code, result.timed_out) == (code, False)


@pytest.mark.parametrize(
    ("words", "code"), [(("raise", "6"), 134), (("raise", "15"), 143), (("raise", "9"), 137), (("fault",), 139)]
)
def test_a_signal_is_128_more(place: Place, workdir: Path, words: tuple[str, ...], code: int) -> None:
    result = place.run(workdir, *words)
    assert (result.exit_code, result.timed_out) == (code, False)


def test_a_timeout_ends_all_that_write(place: Place, workdir: Path) -> None:
    counter = workdir / "counter"
    started = time.monotonic()
    result = place.run(workdir, "chatter", str(counter), timeout_s=1.5)
    assert result.timed_out
    assert result.exit_code == 137
    assert 1.4 < result.duration_s < 6
    assert time.monotonic() - started < 10
    assert result.stdout.startswith(b"0\n1\n2\n")
    before = counter.read_text()
    time.sleep(0.3)
    assert counter.read_text() == before, "the child goes on"


def test_the_environment_is_the_requests(place: Place, workdir: Path) -> None:
    result = place.run(workdir, "env")
    assert sorted(result.stdout.decode().splitlines()) == ["A=b 'c' \"d\"", "EMPTY=", "HOME=/nowhere"]


def test_the_working_directory(place: Place, workdir: Path) -> None:
    assert place.run(workdir, "cwd").stdout.decode() == f"{workdir}\n"


def test_outputs_are_there_and_the_callers(place: Place, workdir: Path) -> None:
    for name in (workdir / "a", workdir.parent / "out dir" / "b"):
        result = place.run(workdir, "write", str(name), "text")
        assert (result.exit_code, result.stderr) == (0, b"")
        assert name.read_text() == "text"
        assert name.stat().st_uid == os.getuid()


def test_inputs_are_seen(place: Place, workdir: Path) -> None:
    file = workdir.parent / "input"
    file.write_text("seen\n")
    request = dataclasses.replace(place.request(workdir, "read", str(file)), inputs=(file,))
    assert place.executor.run(request).stdout == b"seen\n"


def test_what_lies_in_the_working_directory_is_seen(place: Place, workdir: Path) -> None:
    (workdir / "file").write_text("seen\n")
    assert place.run(workdir, "read", "file").stdout == b"seen\n"


def test_all_bytes_of_both_streams(place: Place, workdir: Path) -> None:
    result = place.run(workdir, "bytes")
    assert result.stdout == bytes(range(256)) * 4096
    assert result.stderr == bytes(reversed(range(256))) * 4096


def test_a_missing_program_cannot_run(place: Place, workdir: Path) -> None:
    request = dataclasses.replace(place.request(workdir), argv=(f"{workdir}/missing",))
    with pytest.raises(ExecutorUnavailableError) as caught:
        place.executor.run(request)
    assert str(caught.value) == (
        f"error: the {place.name} executor cannot start {workdir}/missing: there is no such file\n"
        "  usual cause: the program was not built, or removed since\n"
        "  what to do:  run the build again"
    )


def test_a_program_without_a_loader(place: Place, workdir: Path) -> None:
    with probe_file(place.target) as program:
        request = dataclasses.replace(place.request(workdir), argv=(str(program),), inputs=(program,))
        result = place.executor.run(request)
    assert (result.exit_code, result.stdout, result.stderr) == (PROBE_EXIT_CODE, b"", b"")


def test_the_replay_line_does_the_same(place: Place, workdir: Path) -> None:
    def replay(result: ExecResult) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["/bin/sh", "-c", result.replay], env=place.replay_env, capture_output=True, check=False, timeout=60
        )

    for words in (("env",), ("cwd",), ("exit", "3")):
        result = place.run(workdir, *words)
        again = replay(result)
        assert again.returncode == result.exit_code, again.stderr.decode()
        assert sorted(again.stdout.splitlines()) == sorted(result.stdout.splitlines())


def test_it_says_who_it_is(place: Place, workdir: Path) -> None:
    identity = place.run(workdir, "exit", "0").executor
    assert identity.name == place.name
    assert identity.emulated == (place.target != here())
    assert identity.version
    # A host that is somewhere else also says which model it is.
    assert identity.cpu_model.split()[0] == (place.target.qemu_cpu if identity.emulated else platform.machine())
