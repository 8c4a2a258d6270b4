"""Runs programs of the target in a container: the way where the engine's CPU is the target's, and everywhere else too.

An engine on another CPU runs the toolbox's own emulator inside the container, not what the machine may have
registered: its version and its CPU model are known. The engine's interface is
https://docs.docker.com/reference/api/engine/; all that is used has been there since version 1.41.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from docker.types import LogConfig, Ulimit
from docker.types import Mount as EngineMount

from pipeline.elf.probe import PROBE_EXIT_CODE
from pipeline.errors import ExecutorUnavailableError
from pipeline.executors.containers import (
    DEFAULT_HOST,
    EMPTY_IMAGE,
    HOST_VARIABLE,
    IMAGE_VARIABLE,
    ContainerRun,
    container_run,
    engine_words,
    files_of_emulator,
    user_for,
)
from pipeline.executors.jobs import FILE_LIMIT_BYTES
from pipeline.executors.local import PROBE_TIMEOUT_S, probe_file, require_program
from pipeline.executors.native import NativeExecutor
from pipeline.executors.qemu import QemuExecutor
from pipeline.executors.watching import Attached, Sampled, Watched, seconds_between
from pipeline.model.execution import Availability, ExecRequest, ExecResult, ExecutorIdentity
from pipeline.model.target import Target, target_of_machine
from pipeline.processes.proc import describe_exit

API_TIMEOUT_S = 60
_UNIX = "unix://"
_EMPTY_TAR = bytes(1024)
# What the engine's init process (tini) says when it cannot start the program.
_NOT_STARTED = re.compile(rb"^\[FATAL tini \(\d+\)\] exec .* failed: (.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DockerExecutor:
    """Starts each program in a container of its own, without a network, with the request's files and nothing else."""

    target: Target
    sysroot: Path
    emulator: QemuExecutor | None
    """For engines on another CPU than the target's."""
    engine_env: Mapping[str, str]
    """Where the engine is (DOCKER_HOST and its companions) and which image is wanted."""

    def probe(self, target: Target) -> Availability:
        """Run a tiny program of *target* in a container."""
        with probe_file(target) as program:
            request = ExecRequest(
                argv=(str(program),), env={}, workdir=program.parent, target=target, timeout_s=PROBE_TIMEOUT_S
            )
            try:
                with self._engine() as engine:
                    completed = engine.run(self._run_for(engine, request, static=True), PROBE_TIMEOUT_S)
            except ExecutorUnavailableError as error:
                return Availability(available=False, reason=f"docker: {error.what}")
        if completed.exit_code == PROBE_EXIT_CODE:
            return Availability(available=True, reason=f"docker: a tiny {target.name} program ran in a container")
        ending = "did not end" if completed.timed_out else f"ended with {describe_exit(completed.exit_code)}"
        return Availability(available=False, reason=f"docker: a tiny {target.name} program {ending} in a container")

    def run(self, request: ExecRequest) -> ExecResult:
        """Run the request in a container, which is gone afterwards, whatever happens.

        Raises ExecutorUnavailableError when there is no engine or no image, when the program cannot be started,
        and when the engine goes away meanwhile.
        """
        require_program(request, "docker")
        with self._engine() as engine:
            run = self._run_for(engine, request)
            completed = engine.run(run, request.timeout_s)
            return ExecResult(
                exit_code=completed.exit_code,
                timed_out=completed.timed_out,
                duration_s=completed.duration_s,
                cpu_s=completed.cpu_s,
                stdout=completed.stdout,
                stderr=completed.stderr,
                executor=self._identity(engine),
                replay=run.replay_line(engine.host),
                out_dir=request.env["OUT_DIR"] if request.root is not None else None,
            )

    @contextlib.contextmanager
    def _engine(self) -> Iterator[_Engine]:
        host = self.engine_env.get(HOST_VARIABLE, DEFAULT_HOST)
        with _explained(host), contextlib.closing(_connect(host, self.engine_env)) as client:
            info = client.info()
            yield _Engine(
                client=client,
                host=host,
                version=info["ServerVersion"],
                machine=info["Architecture"],
                security_options=tuple(info.get("SecurityOptions") or ()),
            )

    def _run_for(self, engine: _Engine, request: ExecRequest, *, static: bool = False) -> ContainerRun:
        emulator = self._emulator_on(engine)
        wanted = self.engine_env.get(IMAGE_VARIABLE)
        sysroot = (self.sysroot,) if request.root is None else ()
        run = container_run(
            request,
            prefix=emulator.contained(request).prefix() if emulator else self._loader(request, static=static),
            tools=(*sysroot, *files_of_emulator(emulator.program)) if emulator else sysroot,
            image=wanted or EMPTY_IMAGE,
            user=user_for(uid=os.getuid(), gid=os.getgid(), security_options=engine.security_options),
        )
        if wanted:
            # The emulator is a program of the engine's CPU; the image must be, too.
            run = dataclasses.replace(run, platform=None if emulator else self.target.oci_platform)
        engine.have_image(run)
        return run

    def _loader(self, request: ExecRequest, *, static: bool) -> tuple[str, ...]:
        """Return the loader of the sysroot; static programs need none, and a root of their own has one."""
        if static or request.root is not None:
            return ()
        return NativeExecutor(sysroot=self.sysroot, target=self.target).prefix()

    def _emulator_on(self, engine: _Engine) -> QemuExecutor | None:
        """Return what programs of the target need on *engine*: nothing where its CPU is the target's."""
        if target_of_machine(engine.machine) == self.target:
            return None
        if self.emulator is None:
            what = f"the container engine at {engine.host} runs on another CPU ({engine.machine})"
            raise ExecutorUnavailableError(what, cause="no emulator is at hand", action="take another --executor")
        return self.emulator

    def _identity(self, engine: _Engine) -> ExecutorIdentity:
        emulator = self._emulator_on(engine)
        if emulator is None:
            return ExecutorIdentity(name="docker", version=engine.version, cpu_model=engine.machine, emulated=False)
        inner = emulator.identity
        return ExecutorIdentity(
            name="docker", version=f"{engine.version}, QEMU {inner.version}", cpu_model=inner.cpu_model, emulated=True
        )


def engine_facts(engine_env: Mapping[str, str]) -> tuple[str, str]:
    """Return the version of the engine and the machine that it runs on.

    Raises ExecutorUnavailableError when there is none.
    """
    host = engine_env.get(HOST_VARIABLE, DEFAULT_HOST)
    with _explained(host), contextlib.closing(_connect(host, engine_env)) as client:
        info = client.info()
        return str(info["ServerVersion"]), str(info["Architecture"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ended:
    exit_code: int
    timed_out: bool
    duration_s: float
    cpu_s: float
    stdout: bytes
    stderr: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Engine:
    """A connection, and what the engine says about itself."""

    client: docker.DockerClient
    host: str
    version: str
    machine: str
    security_options: tuple[str, ...]

    def have_image(self, run: ContainerRun) -> None:
        """Make or fetch the image unless it is there."""
        with contextlib.suppress(ImageNotFound):
            self.client.images.get(run.image)
            return
        if run.image == EMPTY_IMAGE:
            name, _colon, tag = EMPTY_IMAGE.partition(":")
            self.client.api.import_image_from_data(_EMPTY_TAR, repository=name, tag=tag)
            return
        try:
            self.client.images.pull(run.image, platform=run.platform)
        except DockerException as error:
            raise ExecutorUnavailableError(
                f"the image {run.image} cannot be had for {run.platform or self.machine}: {engine_words(error)}",
                cause="a misspelt name, a registry that cannot be reached, or an image for other platforms only",
                action=f"name another image with {IMAGE_VARIABLE}, or leave it unset: an empty one will do",
            ) from error

    def run(self, run: ContainerRun, timeout_s: float) -> _Ended:
        """Run a container to its end or its timeout, and remove it."""
        with self._container(run) as container_id:
            watched = Watched(Attached(self.client.api.attach(container_id, stream=True, demux=True)))
            self.client.api.start(container_id)
            sampled = Sampled(self.client.api.stats(container_id, stream=True, decode=True))
            timed_out = not watched.join(timeout_s)
            if timed_out:
                with contextlib.suppress(DockerException):  # it may have ended just now
                    self.client.api.kill(container_id)
                watched.join(API_TIMEOUT_S)
            exit_code = int(self.client.api.wait(container_id)["StatusCode"])
            state = self.client.api.inspect_container(container_id)["State"]
        sampled.join(API_TIMEOUT_S)
        stdout, stderr = watched.output()
        refused = _NOT_STARTED.search(stderr)
        if refused:
            raise _not_startable(run, refused.group(1).decode(errors="replace"))
        return _Ended(
            exit_code=exit_code,
            timed_out=timed_out and exit_code != 0,
            duration_s=seconds_between(state["StartedAt"], state["FinishedAt"]),
            cpu_s=sampled.cpu_s,
            stdout=stdout,
            stderr=stderr,
        )

    @contextlib.contextmanager
    def _container(self, run: ContainerRun) -> Iterator[str]:
        container_id = self._create(run)
        try:
            yield container_id
        finally:
            # The error of an engine that has gone away is the one that is on its way already.
            with contextlib.suppress(DockerException, OSError):
                self.client.api.remove_container(container_id, force=True, v=True)

    def _create(self, run: ContainerRun) -> str:
        api = self.client.api
        host_config = api.create_host_config(
            init=True,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            ulimits=[Ulimit(name="fsize", soft=FILE_LIMIT_BYTES, hard=FILE_LIMIT_BYTES)],
            security_opt=["no-new-privileges"],
            log_config=LogConfig(type="none"),
            mounts=[
                EngineMount(str(mount.path), str(mount.source), type="bind", read_only=not mount.writable)
                for mount in run.mounts
            ],
            tmpfs={str(path): "exec" for path in run.scratch},
        )
        created: dict[str, Any] = api.create_container(
            run.image,
            entrypoint=[run.argv[0]],
            command=list(run.argv[1:]),
            environment=run.environment(),
            working_dir=str(run.workdir),
            user=run.user,
            platform=run.platform,
            labels={"snapstitch": run.argv[-1]},
            host_config=host_config,
        )
        return str(created["Id"])


def _connect(host: str, engine_env: Mapping[str, str]) -> docker.DockerClient:
    if host.startswith(_UNIX):
        # The library's own reason for a socket that does not answer is hard to read.
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(host.removeprefix(_UNIX))
    return docker.from_env(timeout=API_TIMEOUT_S, environment={HOST_VARIABLE: host, **engine_env})


@contextlib.contextmanager
def _explained(host: str) -> Iterator[None]:
    """Turn what the engine or the connection to it refuses into our error."""
    try:
        yield
    except (DockerException, OSError) as error:
        raise ExecutorUnavailableError(
            f"the container engine at {host} cannot do this: {engine_words(error)}",
            cause="no engine is running there, this user may not use it, or it does not see this machine's files",
            action=f"start Docker, set {HOST_VARIABLE}, join the group docker, or take another --executor",
        ) from error


def _not_startable(run: ContainerRun, reason: str) -> ExecutorUnavailableError:
    return ExecutorUnavailableError(
        f"the docker executor cannot start {run.argv[0]}: {reason}",
        cause="the program or its loader is missing, or made for another CPU than the engine's",
        action="run `python -m pipeline doctor` to see which executors work here",
    )
