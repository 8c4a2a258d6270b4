"""Containers: what they do not see, what goes wrong with engines, and a snapshot that is the same as QEMU's."""

from __future__ import annotations

import dataclasses
import gc
import os
import signal
import threading
import time
from pathlib import Path

import docker
import pytest

from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.choose import Means, candidates, choose
from pipeline.model.execution import ExecRequest
from pipeline.model.target import Target

from .command import Cli
from .engine import Engine, running_engine
from .sshd import Sshd
from .test_executor_contract import Kit, Place, elsewhere, here, make_place

pytestmark = [pytest.mark.toolbox, pytest.mark.slow, pytest.mark.root]


def _no_host() -> Sshd:
    raise AssertionError("these tests need no SSH server")


@pytest.fixture(scope="module")
def kit(cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return Kit(cli=cli, directory=tmp_path_factory.mktemp("docker"), engine=lambda: engine, host=_no_host)


@pytest.fixture(scope="module")
def place(kit: Kit, engine: Engine) -> Place:
    return make_place(kit, "docker", here(), engine=engine)


def means(kit: Kit, target: Target, **engine_env: str) -> Means:
    toolchain = kit.toolchain(target)
    return Means(
        target=target,
        sysroot=toolchain.sysroot,
        qemu=toolchain.qemu,
        qemu_version=toolchain.qemu_version,
        engine_env=engine_env,
    )


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


def test_nothing_of_the_machine_is_seen(place: Place, workdir: Path) -> None:
    secret = workdir.parent / "secret"
    secret.write_text("secret")
    for name in (secret, Path("/etc/passwd"), Path("/var/run/docker.sock")):
        result = place.run(workdir, "read", str(name))
        assert (result.exit_code, result.stdout) == (1, b""), name
        assert b"No such file or directory" in result.stderr


def test_there_is_no_network(place: Place, workdir: Path) -> None:
    devices = place.run(workdir, "read", "/proc/net/dev").stdout.decode().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_inputs_cannot_be_changed(place: Place, workdir: Path) -> None:
    source = workdir.parent / "source"
    source.mkdir()
    request = dataclasses.replace(place.request(workdir, "write", f"{source}/new", "x"), inputs=(source,))
    result = place.executor.run(request)
    assert (result.exit_code, list(source.iterdir())) == (1, [])
    assert b"Read-only file system" in result.stderr


def test_no_container_stays(place: Place, engine: Engine, workdir: Path) -> None:
    place.run(workdir, "exit", "1")
    place.run(workdir, "sleep", "60", timeout_s=0.5)
    assert engine.containers() == []


def test_an_interrupt_takes_the_container_with_it(place: Place, engine: Engine, workdir: Path) -> None:
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(2.0, signal.pthread_kill, (main, signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        place.run(workdir, "sleep", "60", timeout_s=50)
    assert time.monotonic() - started < 20
    assert engine.containers() == []


def test_cpu_seconds_are_those_that_the_engine_saw(place: Place, workdir: Path) -> None:
    result = place.run(workdir, "chatter", str(workdir / "counter"), timeout_s=3.0)
    assert 0 < result.cpu_s < 10


def test_an_engine_that_is_not_there(kit: Kit, tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/none"
    executor = candidates(means(kit, here(), DOCKER_HOST=host))["docker"]
    availability = executor.probe(here())
    assert availability.available is False
    assert availability.reason == (f"docker: the container engine at {host} cannot do this: No such file or directory")
    with pytest.raises(ExecutorUnavailableError) as caught:
        choose(means(kit, here(), DOCKER_HOST=host), "docker")
    assert str(caught.value) == (
        f"error: no program of {here().name} can be run here\n"
        f"  usual cause: docker: the container engine at {host} cannot do this: No such file or directory\n"
        "  what to do:  run `python -m pipeline doctor`, or name another executor with --executor"
    )


def test_an_image_that_cannot_be_had(kit: Kit, engine: Engine) -> None:
    # A registry on a port of this machine where nothing listens.
    setting = {"DOCKER_HOST": engine.host, "SNAPSTITCH_DOCKER_IMAGE": "127.0.0.1:1/none:1"}
    availability = candidates(means(kit, here(), **setting))["docker"].probe(here())
    assert availability.available is False
    assert availability.reason.startswith(
        f"docker: the image 127.0.0.1:1/none:1 cannot be had for {here().oci_platform}: "
    )
    assert "connection refused" in availability.reason


def test_an_image_of_ones_own(kit: Kit, engine: Engine, workdir: Path) -> None:
    """What an image has is seen, and what was asked for is all the same."""
    client = docker.DockerClient(engine.host)
    try:
        client.api.import_image_from_data(bytes(1024), repository="own", tag="1")
    finally:
        client.close()
    own = dataclasses.replace(means(kit, here(), DOCKER_HOST=engine.host, SNAPSTITCH_DOCKER_IMAGE="own:1"))
    executor = candidates(own)["docker"]
    assert executor.probe(here()).available
    request = ExecRequest(
        argv=(str(kit.program(here())), "exit", "5"), env={}, workdir=workdir, target=here(), timeout_s=20
    )
    result = executor.run(request)
    assert result.exit_code == 5
    assert " own:1 " in result.replay


def test_a_cpu_that_the_engine_does_not_have(kit: Kit, engine: Engine, tmp_path: Path) -> None:
    """An emulator that is a program of yet another CPU cannot start: that is a reason, not a result."""
    wrong = tmp_path / "root/usr/bin/qemu"
    wrong.parent.mkdir(parents=True)
    program = bytearray(kit.program(elsewhere()).read_bytes())
    # e_machine: a number that nobody has, so that the engine's kernel has no emulator for it.
    program[18:20] = b"\xfe\xfe"
    wrong.write_bytes(program)
    wrong.chmod(0o755)
    broken = dataclasses.replace(means(kit, elsewhere(), DOCKER_HOST=engine.host), qemu=wrong)
    availability = candidates(broken)["docker"].probe(elsewhere())
    assert availability.available is False
    assert availability.reason in {
        f"docker: the docker executor cannot start {wrong}: Exec format error",
        f"docker: the docker executor cannot start {wrong}: No such file or directory",
    }


def test_an_engine_on_another_cpu_without_an_emulator(engine: Engine) -> None:
    bare = Means(target=elsewhere(), sysroot=Path("/"), engine_env={"DOCKER_HOST": engine.host})
    assert list(candidates(bare)) == ["docker"]
    with pytest.raises(ExecutorUnavailableError) as caught:
        choose(bare)
    assert caught.value.cause == (
        f"native: this machine is no {elsewhere().name} ({os.uname().machine}); qemu: there is no emulator at hand; "
        f"docker: the container engine at {engine.host} runs on another CPU ({os.uname().machine}); "
        "ssh: only where a host is named (--executor ssh:[user@]host)"
    )


@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_dies_meanwhile(cli: Cli, kit: Kit, workdir: Path) -> None:
    with running_engine(cli) as mortal:
        place = make_place(kit, "docker", here(), engine=mortal)
        threading.Timer(2.5, os.kill, (mortal.pid, signal.SIGKILL)).start()
        started = time.monotonic()
        with pytest.raises(ExecutorUnavailableError, match=r"the container engine at .* cannot do this: "):
            place.run(workdir, "sleep", "30", timeout_s=40)
        assert time.monotonic() - started < 20
    # The library does not close sockets that were refused: here, not in a later test.
    gc.collect()


def test_a_snapshot_is_the_same_as_qemus(cli: Cli, engine: Engine, tmp_path: Path) -> None:
    """The generator of a real build, from its bundle, with a root of its own."""
    bundle, snapshot = tmp_path / "generator.tar.zst", tmp_path / "snapshot.tar.zst"
    made = cli.run("generator", "--target", "arm64", "--out", bundle)
    assert made.exit_code == 0, made.stderr
    env = {"DOCKER_HOST": engine.host}
    compared = cli.run("snapshot", bundle, "--cross-check", "docker,qemu", "--out", snapshot, env=env)
    assert compared.exit_code == 0, compared.stderr
    assert compared.result["cross_check"]["differences"] == []
    (step,) = compared.result["steps"].values()
    assert (step["executor"], step["emulated"]) == ("docker", here().name != "arm64")
    assert engine.containers() == []
